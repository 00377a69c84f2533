import { useStore } from 'zustand';
import type { Preparation } from '../../worker/try/messages.ts';
import { DTYPE_WORDS } from '../../onnx/dtypes.ts';
import { changedWords } from '../../text/changed-words.ts';
import { closestOf } from '../../text/scores.ts';
import { LongText, MarkedText } from './MarkedText.tsx';
import { labelBars, type LabelBar } from './label-bars.ts';
import type { TryDesk } from './try-desk.ts';
import { type AnswerState, type Asked, rightAnswer, UNTRAINED } from './try-state.ts';
import styles from './Answers.module.css';

/** The questions, newest first, each with the answers of all rounds side by side. */
export function Answers({ desk }: { desk: TryDesk }) {
  const { asked, status, run, asksExamples } = useStore(desk.store);
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
  return isAsking ? 'Asking…' : `${answered} of ${newest.answers.length} rounds answered.`;
}

function QuestionCard({ asked, isOfOpenRun }: { asked: Asked; isOfOpenRun: boolean }) {
  const { question, run, dtype, answers } = asked;
  const label = rightAnswer(question);
  const text = question.kind === 'task' ? question.sentence : question.text;
  const right = question.kind === 'task' && label !== null ? [label, ...question.others] : [];
  return (
    <article className={styles.card} data-testid="asked" data-method={run.method}>
      <header className={styles.head}>
        <LongText length={text.length} label="Question">
          <h3 className={styles.question}>{text}</h3>
        </LongText>
        <p className={styles.facts}>
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
          <li key={round} className={styles.answer} data-testid="answer" data-round={round} data-status={state.status}>
            <h4 className={styles.round}>{name === UNTRAINED ? 'Before training' : `After ${name}`}</h4>
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
  round: 'preparing the round…',
};

/** @param right answers, if known: the words of a free answer that are not in the closest one are marked. */
export function AnswerText({ state, right = [] }: { state: AnswerState; right?: readonly string[] }) {
  switch (state.status) {
    case 'waiting':
      return <p className={styles.pending}>waiting</p>;
    case 'preparing':
      return <p className={styles.pending}>{PREPARING[state.what]}</p>;
    case 'stopped':
      return (
        <>
          {state.text !== '' && <p className={styles.text}>{state.text}</p>}
          <p className={styles.pending}>stopped</p>
        </>
      );
    case 'failed':
      return (
        <p className={styles.problem}>
          {state.error.message} {state.error.nextStep} <code>{state.error.code}</code>
        </p>
      );
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
            <p className={styles.pending} data-testid="answer-cut">
              Cut at {cutAt === 1 ? '1 token' : `${cutAt} tokens`}.
            </p>
          )}
          {isCut && <p className={styles.pending}>The text was cut to fit, as in training.</p>}
        </>
      );
    }
  }
}

function Bars({ bars }: { bars: readonly LabelBar[] }) {
  if (bars.length === 0) return null;
  return (
    <ul className={styles.bars} aria-label="Probabilities">
      {bars.map(({ name, share, isRight }) => (
        <li key={name} className={styles.bar} data-right={isRight}>
          <span className={styles.name}>{name}</span>
          <span className={styles.share}>
            {share >= 0.0005 ? `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %` : '0 %'}
          </span>
          <span className={styles.groove} aria-hidden="true">
            <span className={styles.fill} style={{ width: `${100 * share}%` }} />
          </span>
        </li>
      ))}
    </ul>
  );
}
