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
import type { PageState } from '../state/store.ts';
import { useTaughtList, useTaughtState } from '../state/taught-models.ts';
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
  const { teach } = usePage();
  const askToTeach = useTeaching();
  const taught = useTaughtState(({ models, used, isAsked }) =>
    isAsked ? models.find(({ key }) => key === used) : null,
  );
  const active = usePageState(({ run }) => isActive(run.status));
  const teacher = usePageState(runOfForm);
  // The form has taught what it says: from here on, its model is the one that came out, and what comes next is open.
  useEffect(() => {
    if (teacher !== null && taught?.model?.run === teacher) teach({ key: taught.key, model: taught.model });
  }, [teacher, taught, teach]);
  if (!taught?.model || active) return null;
  const { key, model } = taught;
  return (
    <button type="button" data-testid="teach-more" onClick={() => askToTeach({ key, model })}>
      Teach it something more
    </button>
  );
}

/** The id of the run on the page, if it has finished teaching the form's model the form's tasks; else null. */
const runOfForm = ({ run, teaches, draft }: PageState): string | null =>
  run.status === 'finished' &&
  teaches !== null &&
  draft.order.length > 0 &&
  run.settings?.order.join('\n') === [...teaches.model.lessons.map(({ name }) => name), ...draft.order].join('\n')
    ? (run.results?.id ?? null)
    : null;

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
