import { useEffect } from 'react';
import { flushSync } from 'react-dom';
import { partOf } from '../../gorp/part/method-plan.ts';
import { planOf } from '../../methods/registry.ts';
import type { ModelSummary, TaughtLesson } from '../../run/files/model-line.ts';
import type { RunSettings } from '../../run/settings/settings.ts';
import { usePage, usePageState } from '../state/page-context.tsx';
import { isActive } from '../state/run-state.ts';
import { scoreText } from '../state/scores.ts';
import type { Teaches } from '../state/set-up-form.ts';
import { usedModel } from '../state/taught-models.ts';
import { moment } from '../ui/format.ts';
import styles from './shared.module.css';

/** The lessons of a model, in order: each task with its question, when it was learned, and its score then and now. */
export function Lessons({ model }: { model: Pick<ModelSummary, 'lessons'> }) {
  return (
    <ol className={`stack small ${styles.lessons}`} data-testid="lessons">
      {model.lessons.map((lesson) => (
        <li key={lesson.name}>
          <strong>
            <bdi>{lesson.name}</bdi>
          </strong>{' '}
          {scoresOf(lesson)}
          {lesson.question !== null && <span className="second">{asked(lesson)}</span>}
          <span className="second">
            taught {moment(lesson.taughtAt)} by {lesson.method};{' '}
            {lesson.tests === 0
              ? 'its tests are not with the model, so it is not tested again'
              : `${lesson.tests === 1 ? '1 test stays' : `${lesson.tests} tests stay`} with the model`}
          </span>
        </li>
      ))}
    </ol>
  );
}

/**
 * Lists the taught models for the run on the page: those that a run saves when it waits, perhaps for room, or has ended;
 * those that another tab has saved or removed when a person comes back to this one.
 */
export function useTaughtList(): void {
  const { refresh } = usePage().taught;
  // Somebody else's results may bear the name of a run here: its model is not theirs.
  const run = usePageState(({ run: { results, sharedAs } }) => (sharedAs === null ? (results?.id ?? null) : null));
  const isDue = usePageState(({ run: { status } }) => !isActive(status) || status === 'paused');
  useEffect(() => {
    if (!isDue) return undefined;
    const list = (): void => refresh(run);
    list();
    window.addEventListener('focus', list);
    return () => window.removeEventListener('focus', list);
  }, [isDue, run, refresh]);
}

/** The id of the heading above what the form's model knows. */
export const TAUGHT_TITLE = 'teaches-title';

/** Returns the action of a button that teaches a model more: the form shows the model, and gets the focus. */
export function useTeaching(): (teaches: Teaches) => void {
  const { teach } = usePage();
  return (teaches) => {
    flushSync(() => teach(teaches));
    document.getElementById(TAUGHT_TITLE)?.focus();
  };
}

/** Teaches the model in use something more; nothing if the run on the page has left none. */
export function TeachMore() {
  useTaughtList();
  const teach = useTeaching();
  const used = usePageState(({ taught }) => usedModel(taught));
  const active = usePageState(({ run }) => isActive(run.status));
  if (!used?.model || active) return null;
  const { key, model } = used;
  return (
    <button type="button" data-testid="teach-more" onClick={() => teach({ key, model })}>
      Teach it something more
    </button>
  );
}

/** The examples that replay repeats, by its source. */
const REPEATED = {
  examples: 'examples of these tasks',
  general: 'the base model’s answers to general prompts',
  self: 'prompts of these tasks, with the model’s own answers',
} as const;

/** The examples that a method repeats, in words; null if it repeats none. */
export function repeatedBy({ method }: Pick<RunSettings, 'method'>): string | null {
  const replay = partOf(planOf(method), 'replay');
  return replay ? REPEATED[replay.source] : null;
}

/** Labels shown of a task. */
const MOST_LABELS = 6;

const asked = ({ question, labels }: TaughtLesson): string => {
  const shown = labels.slice(0, MOST_LABELS).join(', ');
  const more = labels.length > MOST_LABELS ? ` and ${labels.length - MOST_LABELS} more` : '';
  return `“${question ?? ''}”${shown === '' ? '' : ` ${shown}${more}`}`;
};

function scoresOf({ score, then, now }: TaughtLesson): string {
  const text = (value: number): string =>
    score === 'loss' ? `loss ${scoreText(score, value)}` : `${scoreText(score, value)} %`;
  if (now === null) return then === null ? 'not tested' : `${text(then)} then, not tested now`;
  return then === null || then === now ? text(now) : `${text(then)} then, ${text(now)} now`;
}
