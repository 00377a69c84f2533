import type { ReadToken } from '../../tasks/reading.ts';
import styles from './ui.module.css';

interface Props {
  task: string;
  tokens: readonly ReadToken[];
}

/** How many tokens an example has, and how many of them count in the loss. */
export function countsOf({ task, tokens }: Props): string {
  const label = tokens.filter(({ isLabel }) => isLabel).length;
  return `An example of ${task}: ${tokens.length} tokens. Only the marked label, ${label} of them, counts in the loss.`;
}

/** An example exactly as the model reads it, with the label's tokens marked. */
export function ReadExample({ task, tokens }: Props) {
  return (
    <pre className={styles.read} tabIndex={0} aria-label={`An example of ${task}`}>
      {tokens.map(({ text, isLabel }, i) => (isLabel ? <mark key={i}>{text}</mark> : <span key={i}>{text}</span>))}
    </pre>
  );
}
