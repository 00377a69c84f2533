import styles from './ui.module.css';
import { Fragment, type ReactNode, useId, useState } from 'react';

/** A term of the field, as its popover explains it. */
interface Explained {
  readonly title: string;
  /** Two sentences. */
  readonly about: string;
  /** A drawing of it: shapes in a box of 160 × 56, `data-of="accent"` for what matters. */
  readonly drawing: ReactNode;
  /** The heading or equation of docs/method.md that says more. */
  readonly docs: string;
}

const text = (x: number, y: number, words: string) => (
  <text x={x} y={y} textAnchor="middle">
    {words}
  </text>
);
const bar = (x: number, height: number, of?: 'accent' | 'faint') => (
  <rect x={x} y={50 - height} width={16} height={height} data-of={of} />
);
const arrow = (x1: number, y1: number, x2: number, y2: number, of?: 'accent' | 'faint') => {
  const [length, back] = [Math.hypot(x2 - x1, y2 - y1), 6];
  const [ux, uy] = [(back * (x2 - x1)) / length, (back * (y2 - y1)) / length];
  return (
    <path
      d={`M${x1} ${y1}L${x2} ${y2}M${x2 - ux - uy / 2} ${y2 - uy + ux / 2}L${x2} ${y2}L${x2 - ux + uy / 2} ${y2 - uy - ux / 2}`}
      data-of={of}
    />
  );
};

/** The glossary of the page. */
export const TERMS = {
  'fine-tuning': {
    title: 'Fine-tuning',
    about:
      'Training a model that already knows a language further, on examples of one task. The same weights that learn the task hold what the model knew, so it may forget.',
    drawing: (
      <>
        <rect x={12} y={14} width={44} height={30} />
        {arrow(64, 29, 92, 29)}
        <rect x={100} y={14} width={44} height={30} />
        <rect x={116} y={14} width={28} height={30} data-of="accent" />
        {text(34, 33, 'knows')}
        {text(108, 33, '…')}
        {text(130, 33, 'task')}
      </>
    ),
    docs: '1-what-is-trained',
  },
  token: {
    title: 'Token',
    about:
      'The unit in which a model reads and writes: a word, or a piece of one. Losses are means over tokens, and prompts are as long as they have tokens.',
    drawing: (
      <>
        <rect x={14} y={16} width={42} height={24} />
        <rect x={60} y={16} width={30} height={24} data-of="accent" />
        <rect x={94} y={16} width={52} height={24} />
        {text(35, 32, 'contin')}
        {text(75, 32, 'ual')}
        {text(120, 32, ' learning')}
      </>
    ),
    docs: '5-data-prompts-orders',
  },
  adapter: {
    title: 'Adapter (LoRA)',
    about:
      'Two thin matrices, B and A, whose product is added to a weight matrix W that stays as it is. Only they are trained and saved, which takes little memory.',
    drawing: (
      <>
        <rect x={20} y={8} width={40} height={40} data-of="faint" />
        {text(40, 32, 'W')}
        {text(74, 32, '+')}
        <rect x={88} y={8} width={12} height={40} data-of="accent" />
        <rect x={106} y={8} width={40} height={12} data-of="accent" />
        {text(94, 32, 'B')}
        {text(126, 18, 'A')}
      </>
    ),
    docs: '2-layers-with-adapters',
  },
  rank: {
    title: 'Rank',
    about:
      'In how many independent directions a matrix acts. The rank of an adapter is the width of its two thin matrices; that of a projection is how many directions of a gradient remain.',
    drawing: (
      <>
        <rect x={30} y={8} width={8} height={40} data-of="accent" />
        <rect x={44} y={8} width={40} height={8} data-of="accent" />
        <rect x={96} y={8} width={16} height={40} />
        <rect x={118} y={8} width={32} height={16} />
        {text(56, 36, 'rank 4')}
        {text(134, 44, '8')}
      </>
    ),
    docs: '2-layers-with-adapters',
  },
  direction: {
    title: 'Direction',
    about:
      'An axis in the space of all inputs or gradients of a layer: a fixed mixture of its numbers. A task uses a few directions much and most of them hardly.',
    drawing: (
      <>
        {arrow(80, 46, 138, 20, 'accent')}
        {arrow(80, 46, 62, 24)}
        {arrow(80, 46, 80, 34, 'faint')}
        {text(132, 50, 'used much')}
        {text(36, 22, 'hardly')}
      </>
    ),
    docs: '4-the-shared-space-at-the-end-of-a-task',
  },
  gradient: {
    title: 'Gradient',
    about:
      'For every weight, how much the loss grows if the weight grows a little. A step of training moves the weights the other way.',
    drawing: (
      <>
        <path d="M20 10C50 60 90 56 146 16" />
        <circle cx={122} cy={33} r={4} data-of="accent" />
        {arrow(117, 36, 92, 46, 'accent')}
        {text(138, 50, 'a step')}
      </>
    ),
    docs: '3-one-optimizer-step',
  },
  projection: {
    title: 'Projection',
    about:
      'The part of a gradient that lies in some directions, like its shadow on them. A gradient is compressed to its main directions by one projection; by another, its part in the directions of earlier tasks is removed.',
    drawing: (
      <>
        {arrow(30, 48, 120, 12, 'faint')}
        {arrow(30, 48, 120, 48)}
        {arrow(120, 46, 120, 16, 'accent')}
        {text(76, 44, 'removed')}
        {text(142, 34, 'left')}
      </>
    ),
    docs: '4-the-shared-space-at-the-end-of-a-task',
  },
  AP: {
    title: 'AP, average performance',
    about:
      'The mean accuracy over all tasks after the last one was learned. It counts both how well each task was learned and how much of it is left.',
    drawing: (
      <>
        {bar(30, 34)}
        {bar(52, 26)}
        {bar(74, 42)}
        {bar(96, 30)}
        <path d="M22 17H122" data-of="accent" />
        {text(138, 21, 'AP')}
      </>
    ),
    docs: 'eq-21',
  },
  BWT: {
    title: 'BWT, backward transfer',
    about:
      'How far the accuracy of earlier tasks has moved since each was learned, in the mean. Below 0 the model forgot; above 0 later tasks helped earlier ones.',
    drawing: (
      <>
        {bar(34, 42, 'faint')}
        {bar(54, 26)}
        {bar(92, 36, 'faint')}
        {bar(112, 28)}
        {arrow(76, 9, 76, 24, 'accent')}
        {arrow(134, 15, 134, 22, 'accent')}
      </>
    ),
    docs: 'eq-21',
  },
  'ROUGE-L': {
    title: 'ROUGE-L',
    about:
      'How many words an answer shares with the right one in the same order, with others between them allowed, as a share of both lengths. 100 % means the same words; it scores free answers, where few are exactly right.',
    drawing: (
      <>
        {text(80, 18, 'the cat sat down')}
        {text(80, 48, 'a cat sat there down')}
        <path d="M66 23L54 36M88 23L74 36M112 23L134 36" data-of="accent" />
      </>
    ),
    docs: '6-evaluation',
  },
  ranked: {
    title: 'Ranked answers',
    about:
      'The model writes nothing: each label of the task gets its probability, and the likeliest one is the answer. An exact answer must be written by the model itself, word for word.',
    drawing: (
      <>
        <rect x={62} y={6} width={76} height={12} data-of="accent" />
        <rect x={62} y={22} width={34} height={12} />
        <rect x={62} y={38} width={14} height={12} />
        {text(36, 16, 'happy')}
        {text(36, 32, 'sad')}
        {text(36, 48, 'angry')}
      </>
    ),
    docs: '6-evaluation',
  },
  perplexity: {
    title: 'Perplexity',
    about:
      'Among how many equally likely tokens the model hesitates at each place: e to the power of its loss per token. 1 would be certainty, and less is better.',
    drawing: (
      <>
        {text(26, 32, 'the sea')}
        {arrow(50, 28, 96, 12)}
        {arrow(50, 28, 96, 28, 'accent')}
        {arrow(50, 28, 96, 44)}
        {text(118, 16, 'is')}
        {text(118, 32, 'was')}
        {text(118, 48, 'rose')}
      </>
    ),
    docs: '6-evaluation',
  },
} as const satisfies Readonly<Record<string, Explained>>;

type TermName = keyof typeof TERMS;

const PAPER = 'https://arxiv.org/abs/2507.02503';

/** A word of the glossary within a text: a button that opens its explanation beside it. */
function Term({ of, children }: { of: TermName; children: ReactNode }) {
  const id = useId();
  const [isOpen, setIsOpen] = useState(false);
  const { title, about, drawing, docs } = TERMS[of];
  return (
    <>
      <button type="button" className={`bare ${styles.term}`} popoverTarget={id} data-term={of}>
        {children}
      </button>
      <span
        id={id}
        className={styles.explained}
        popover="auto"
        role="dialog"
        aria-labelledby={`${id}-title`}
        aria-describedby={`${id}-about`}
        tabIndex={-1}
        // The content exists only while it is shown: a text that is read or copied holds the word alone.
        onBeforeToggle={({ newState }) => newState === 'open' && setIsOpen(true)}
        onToggle={({ newState, currentTarget }) => {
          if (newState === 'open') currentTarget.focus();
          else setIsOpen(false);
        }}
      >
        {isOpen && (
          <>
            <svg viewBox="0 0 160 56" width={160} height={56} className={styles.drawing} aria-hidden="true">
              {drawing}
            </svg>
            <strong id={`${id}-title`}>{title}</strong>
            <span id={`${id}-about`}>{about}</span>
            <span className="muted">
              More in{' '}
              <a href={`./method.html#${docs}`} target="_blank" rel="noreferrer">
                {docs.startsWith('eq-') ? `equation (${docs.slice(3)})` : `section ${docs[0]}`} of the method
              </a>
              , and in{' '}
              <a href={PAPER} target="_blank" rel="noreferrer">
                the paper
              </a>
              .
            </span>
          </>
        )}
      </span>
    </>
  );
}

/**
 * A text in which the first occurrence of each of these terms, also as a plural or with a capital letter, opens its
 * explanation.
 */
export function withTerms(text: string, ...names: readonly TermName[]): ReactNode {
  const found = names
    .flatMap((name) => {
      const match = new RegExp(`(?<![\\w-])${name}s?(?![\\w-])`, /^[A-Z]/.test(name) ? '' : 'i').exec(text);
      return match === null ? [] : [{ name, from: match.index, to: match.index + match[0].length }];
    })
    .toSorted((a, b) => a.from - b.from);
  return (
    <>
      {found.map(({ name, from, to }, i) => (
        <Fragment key={name}>
          {text.slice(found[i - 1]?.to ?? 0, from)}
          <Term of={name}>{text.slice(from, to)}</Term>
        </Fragment>
      ))}
      {text.slice(found.at(-1)?.to ?? 0)}
    </>
  );
}
