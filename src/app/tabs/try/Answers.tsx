import { useStore } from 'zustand';
import { DTYPE_WORDS } from '../../../onnx/dtypes.ts';
import { changedWords } from '../../../text/changed-words.ts';
import { closestOf } from '../../../text/scores.ts';
import type { Preparation, TriedAnswer } from '../../../worker/try/messages.ts';
import { LongText, MarkedText } from '../../shared/Examples.tsx';
import { playground } from '../../state/playground.ts';
import { type AnswerState, type Asked, headed, rightAnswer } from '../../state/try-state.ts';
import { ErrorLine, Filled } from '../../ui/blocks.tsx';
import styles from './try.module.css';

/** The probability of an answer, as a bar. */
interface LabelBar {
  name: string;
  /** In [0, 1]. */
  share: number;
  isRight: boolean;
}

/** How many labels get a bar of their own; the rest share one. */
const NAMED_LABELS = 8;
const OTHERS = 'other labels';
const ELSE = 'anything else';

/**
 * The bars of the answer after a round: the same labels in the same order for every asked round, then one bar for the
 * other labels and one for anything else. They sum to 1.
 */
export function labelBars({ answers, question }: Pick<Asked, 'answers' | 'question'>, round: number): LabelBar[] {
  const label = rightAnswer(question);
  const all = answers.flatMap(({ round, state }) => (state.status === 'answered' ? [{ round, ...state.answer }] : []));
  const labels = all.find((one) => one.round === round)?.labels ?? [];
  if (labels.length === 0) return [];
  const names = namedLabels(all, label);
  const named = labels.filter((one) => names.has(one.label));
  const sum = (some: TriedAnswer['labels']): number => some.reduce((total, { probability }) => total + probability, 0);
  const bars = named.map((one) => ({ name: one.label, share: one.probability, isRight: one.label === label }));
  if (named.length < labels.length) bars.push({ name: OTHERS, share: sum(labels) - sum(named), isRight: false });
  // Rounding may push the sum of all labels slightly above 1.
  return [...bars, { name: ELSE, share: Math.max(0, 1 - sum(labels)), isRight: false }];
}

/** The right label, and the labels with the highest probability in any round. */
function namedLabels(answers: readonly TriedAnswer[], right: string | null): Set<string> {
  const largest = new Map<string, number>();
  for (const { label, probability } of answers.flatMap(({ labels }) => labels)) {
    largest.set(label, Math.max(largest.get(label) ?? 0, label === right ? Infinity : probability));
  }
  const byShare = [...largest].sort(([, a], [, b]) => b - a).map(([label]) => label);
  return new Set(byShare.slice(0, NAMED_LABELS));
}

/** The questions, newest first, each with the answers of all rounds side by side. */
export function Answers() {
  const { asked, status, run, asksExamples } = useStore(playground.store);
  return (
    <>
      <p className="hidden-visually" role="status">
        {statusText(asked.at(0), status === 'asking' && !asksExamples)}
      </p>
      {asked.map((one) => (
        <QuestionCard key={one.id} asked={one} isOfOpenRun={one.run.id === run?.id} />
      ))}
    </>
  );
}

function statusText(newest: Asked | undefined, isAsking: boolean): string {
  if (newest === undefined) return '';
  const answered = newest.answers.filter(({ state }) => state.status === 'answered').length;
  return isAsking ? 'Asking…' : `${answered} of ${newest.answers.length} answered.`;
}

function QuestionCard({ asked, isOfOpenRun }: { asked: Asked; isOfOpenRun: boolean }) {
  const { question, run, dtype, answers } = asked;
  const label = rightAnswer(question);
  const text = question.kind === 'task' ? question.sentence : question.text;
  const right = question.kind === 'task' && label !== null ? [label, ...question.others] : [];
  return (
    <article className={styles.card} data-testid="asked" data-method={run.method}>
      <header>
        <LongText length={text.length} label="Question">
          <h3 className={styles.question}>{text}</h3>
        </LongText>
        <p className={`about ${styles.facts}`}>
          {question.kind === 'task' ? question.task : 'raw prompt'}
          {label !== null && (
            <>
              , right answer <strong>{label}</strong>
            </>
          )}
          {' · '}
          <strong>{run.method}</strong>
          {!isOfOpenRun && ', an earlier run'}
          {dtype !== 'f32' && `, ${DTYPE_WORDS[dtype]}`}
        </p>
      </header>
      <ol className={styles.answers}>
        {answers.map(({ round, name, state }) => (
          <li
            key={round}
            className={`box ${styles.answer}`}
            data-testid="answer"
            data-round={round}
            data-status={state.status}
          >
            <h4 className={`second cut ${styles.round}`}>{headed(name)}</h4>
            <AnswerText state={state} right={right} />
            {state.status === 'answered' && <Bars bars={labelBars(asked, round)} />}
          </li>
        ))}
      </ol>
    </article>
  );
}

const PREPARING: Readonly<Record<Preparation, string>> = {
  'base-model': 'opening the base model…',
  runtime: 'loading onnxruntime-web…',
  round: 'preparing the model…',
};

/** @param right answers, if known: the words of a free answer that are not in the closest one are marked. */
function AnswerText({ state, right = [] }: { state: AnswerState; right?: readonly string[] }) {
  switch (state.status) {
    case 'waiting':
      return <p className="about">waiting</p>;
    case 'preparing':
      return <p className="about">{PREPARING[state.what]}</p>;
    case 'stopped':
      return (
        <>
          {state.text !== '' && <p className={styles.text}>{state.text}</p>}
          <p className="about">stopped</p>
        </>
      );
    case 'failed':
      return <ErrorLine error={state.error} isNew={false} />;
    case 'writing':
      return (
        <p className={styles.text} data-testid="answer-text">
          {state.text}
        </p>
      );
    case 'answered': {
      const { text, isCut, isRight, cutAt, labels } = state.answer;
      const isMarked = right.length > 0 && labels.length === 0;
      return (
        <>
          <p className={styles.text} data-right={isRight ?? undefined}>
            <span data-testid="answer-text">
              {text === '' ? (
                <em>nothing</em>
              ) : isMarked ? (
                <MarkedText kind="extra" pieces={changedWords(text, closestOf(text, right)).written} />
              ) : (
                text
              )}
            </span>
            {isRight !== null && <span className={styles.verdict}>{isRight ? '✓ right' : '✗ wrong'}</span>}
          </p>
          {cutAt !== null && (
            <p className="about" data-testid="answer-cut">
              Cut at {cutAt === 1 ? '1 token' : `${cutAt} tokens`}.
            </p>
          )}
          {isCut && <p className="about">The text was cut to fit, as in training.</p>}
        </>
      );
    }
  }
}

function Bars({ bars }: { bars: readonly LabelBar[] }) {
  if (bars.length === 0) return null;
  return (
    <ul className={`tiny ${styles.bars}`} aria-label="Probabilities">
      {bars.map(({ name, share, isRight }) => (
        <li key={name} className={styles.bar} data-right={isRight}>
          <span className="cut">{name}</span>
          <span>{share >= 0.0005 ? `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %` : '0 %'}</span>
          <Filled share={share} />
        </li>
      ))}
    </ul>
  );
}

/** The conversation so far: each turn of the person, and below it the answer of every round in its own column. */
export function Transcript() {
  const { talk } = useStore(playground.store);
  const [first] = talk;
  if (first === undefined) return null;
  return (
    <ol className={`stack ${styles.turns}`} aria-label="Conversation" data-testid="talk">
      {talk.map((turn) => (
        <Turn key={turn.id} turn={turn} />
      ))}
    </ol>
  );
}

function Turn({ turn: { question, answers } }: { turn: Asked }) {
  return (
    <li className={styles.turn} data-testid="turn">
      <p className={styles.said}>{question.kind === 'chat' && question.text}</p>
      <div className={styles.answers}>
        {answers.map(({ round, name, state }) => (
          <div
            key={round}
            className={`box ${styles.answer}`}
            data-testid="answer"
            data-round={round}
            data-status={state.status}
          >
            <h3 className={`second ${styles.round}`}>{headed(name)}</h3>
            <AnswerText state={state} />
          </div>
        ))}
      </div>
    </li>
  );
}
