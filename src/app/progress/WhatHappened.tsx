import { useState } from 'react';
import { type ErrorReport, reportOf } from '../../base/errors.ts';
import type { MethodName } from '../../methods/registry.ts';
import type { RunSettings } from '../../run/settings.ts';
import { ErrorLine } from '../ErrorLine.tsx';
import { usePage, usePageState } from '../page-context.tsx';
import { withMethod } from '../queue/expand.ts';
import { isActive } from '../run-state.ts';
import buttons from '../ui/buttons.module.css';
import { Section } from '../ui/Section.tsx';
import { storyOf, type TaskSentence } from './story.ts';
import styles from './WhatHappened.module.css';

/** What the run learned and forgot, in sentences. Shown once a task has been tested. */
export function WhatHappened() {
  const run = usePageState((state) => state.run);
  const score = usePageState(({ view }) => view.score);
  const { settings, results } = run;
  const examples = results?.tasks.map(({ testExamples }) => testExamples) ?? [];
  const story = settings === null || results === null ? null : storyOf(settings, results.accuracy[score], examples);
  if (settings === null || story === null) return null;
  return (
    <Section
      title={isActive(run.status) ? 'What happened so far' : 'What happened'}
      note={score === 'exact' ? undefined : 'By ranked answers: the likeliest of the task’s labels.'}
      testId="story"
    >
      <ul className={styles.list}>
        {story.tasks.map((sentence) => (
          <Sentence key={sentence.task} sentence={sentence} />
        ))}
      </ul>
      {story.limit !== null && <p className={styles.limit}>{story.limit}</p>}
      {settings.order.length > 1 && <Comparison settings={settings} />}
    </Section>
  );
}

function Sentence({ sentence: { task, text, tone } }: { sentence: TaskSentence }) {
  return (
    <li data-tone={tone}>
      <strong>{task}</strong>
      {text.slice(task.length)}
    </li>
  );
}

/** What a run is compared with: without any protection, or with the best one. */
const comparedWith = (method: MethodName): MethodName => (method === 'seq-lora' ? 'gorp-plus' : 'seq-lora');

/** Queues the same run with another method, and shows the queue. */
function Comparison({ settings }: { settings: RunSettings }) {
  const { queue, look } = usePage();
  const isMine = usePageState((state) => state.queue.isMine);
  const others = usePageState((state) => state.queue.runs.some(({ status }) => status === 'waiting'));
  const [problem, setProblem] = useState<ErrorReport | null>(null);
  const other = comparedWith(settings.method.name);
  const add = (): void => {
    try {
      queue.add([withMethod(settings, other)]);
      if (!others) queue.start(); // a paused queue stays paused
      look({ tab: 'queue' });
    } catch (error) {
      setProblem(reportOf(error));
    }
  };
  return (
    <div className={styles.compare}>
      <button
        type="button"
        className={`${buttons.plain} ${buttons.small}`}
        data-testid="same-with"
        disabled={!isMine}
        title={isMine ? undefined : 'The queue belongs to another tab of this page.'}
        onClick={add}
      >
        The same with {other}
      </button>
      <p>
        {other === 'seq-lora'
          ? 'seq-lora does nothing against forgetting: it shows what this method saves.'
          : 'gorp-plus protects what was learned: it shows what this run could have saved.'}
      </p>
      {problem !== null && <ErrorLine error={problem} isNew />}
    </div>
  );
}
