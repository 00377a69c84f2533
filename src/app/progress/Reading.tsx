import { usePageState } from '../page-context.tsx';
import { Section } from '../ui/Section.tsx';
import styles from './Reading.module.css';

/** The first example of the run exactly as the model reads it, the tokens of its label marked. */
export function Reading() {
  const reading = usePageState(({ run }) => run.reading);
  if (reading === null) return null;
  const { task, tokens } = reading;
  const label = tokens.filter(({ isLabel }) => isLabel).length;
  return (
    <Section
      title="What the model reads"
      note={`The first example of ${task}: ${tokens.length} tokens, ${label} of them of the label, which are marked and alone count in the loss.`}
    >
      <pre className={styles.text} tabIndex={0} aria-label={`First example of ${task}`}>
        {tokens.map(({ text, isLabel }, i) => (isLabel ? <mark key={i}>{text}</mark> : <span key={i}>{text}</span>))}
      </pre>
    </Section>
  );
}
