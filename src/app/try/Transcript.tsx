import { useStore } from 'zustand';
import { AnswerText } from './Answers.tsx';
import type { TryDesk } from './try-desk.ts';
import { type Asked, UNTRAINED } from './try-state.ts';
import styles from './Transcript.module.css';

/** The conversation so far: each turn of the person, and below it the answer of every round in its own column. */
export function Transcript({ desk }: { desk: TryDesk }) {
  const { talk } = useStore(desk.store);
  const [first] = talk;
  if (first === undefined) return null;
  return (
    <ol className={styles.turns} aria-label="Conversation" data-testid="talk">
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
      <div className={styles.turnAnswers}>
        {answers.map(({ round, name, state }) => (
          <div key={round} className={styles.turnAnswer} data-testid="answer" data-round={round} data-status={state.status}>
            <h3 className={styles.turnRound}>{name === UNTRAINED ? 'Before training' : `After ${name}`}</h3>
            <AnswerText state={state} />
          </div>
        ))}
      </div>
    </li>
  );
}
