import { useMemo, useState } from 'react';
import * as v from 'valibot';
import { type ErrorReport, reportOf } from '../../../base/errors.ts';
import type { MethodName } from '../../../methods/registry.ts';
import { keptQuestions, keptSentence } from '../../../run/results/common-questions-kept.ts';
import { generalTextChange, generalTextSentence } from '../../../run/results/general-text-change.ts';
import type { Results } from '../../../run/results/results.ts';
import { idleTasks, watchedSums } from '../../../run/results/watched.ts';
import { roundName } from '../../../run/settings/schedule.ts';
import { type RunSettings, RunSettingsSchema } from '../../../run/settings/settings.ts';
import { runKey, type RunSummary } from '../../state/history.ts';
import { usePage, usePageState } from '../../state/page-context.tsx';
import { withMethod } from '../../state/queue-runs.ts';
import { isActive } from '../../state/run-state.ts';
import { SCORE_NAMES, scoreText, sharesOf } from '../../state/scores.ts';
import { listed, storyOf, type TaskSentence } from '../../state/story.ts';
import buttons from '../../ui/buttons.module.css';
import { ErrorLine } from '../../ui/errors.tsx';
import { significant } from '../../ui/format.ts';
import { Section } from '../../ui/Section.tsx';
import table from '../../ui/table.module.css';
import { freeStory } from './free-story.ts';
import styles from './WhatHappened.module.css';

/** How many questions of common knowledge the model still answers, and those that it lost, with both answers. */
function KeptQuestions({ results }: { results: Results }) {
  const last = keptQuestions(results).at(-1);
  if (last === undefined) return null;
  const { lost } = last;
  return (
    <div className={styles.before} data-testid="kept-questions">
      <p>{keptSentence(last)}</p>
      {lost.length > 0 && (
        <details>
          <summary>{lost.length === 1 ? 'The one that it lost' : `The ${lost.length} that it lost`}</summary>
          <div className={table.scroll} tabIndex={0} role="region" aria-label="Questions that it lost">
            <table className={table.table}>
              <caption className="hidden-visually">
                Questions that the model answered rightly before and not now
              </caption>
              <thead>
                <tr>
                  <th scope="col">question</th>
                  <th scope="col">before training</th>
                  <th scope="col">now</th>
                </tr>
              </thead>
              <tbody>
                {lost.map(({ question, before, after }) => (
                  <tr key={question}>
                    <th scope="row">{question}</th>
                    <td>{before}</td>
                    <td>{after}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        </details>
      )}
    </div>
  );
}

/**
 * The key of the newest finished run with another method and otherwise the same settings, seed included, whatever general
 * text it was measured by; null if there is none whose results are stored.
 *
 * @param history newest first.
 */
export function counterpartOf(
  settings: RunSettings,
  method: MethodName,
  history: readonly RunSummary[],
): string | null {
  const wanted = othersOf(settings);
  const found = history.find(
    (run) =>
      run.status === 'finished' &&
      run.resultsBytes !== null &&
      run.settings.method.name === method &&
      othersOf(run.settings) === wanted,
  );
  return found === undefined ? null : runKey(found);
}

/** The settings besides the method, in the schema's order. */
function othersOf(settings: RunSettings): string {
  const { training, ...others } = v.parse(RunSettingsSchema, settings);
  return JSON.stringify({ ...others, training: { ...training, generalText: null }, method: null });
}

/** What became of what the model could do before, a sentence for each score, and which tasks can show nothing. */
export function watchedStory(results: Results): string[] {
  const sums = watchedSums(results).map(({ score, before, now, tasks }) => {
    const change = `${scoreText(score, before)} → ${scoreText(score, now)}`;
    const of = tasks.length === 1 ? tasks[0] : `mean of ${listed(tasks)}`;
    return score === 'loss'
      ? `What the model could do before: loss ${change} per token, perplexity ${significant(Math.exp(before))} → ${significant(Math.exp(now))} (${of}).`
      : `What the model could do before: ${change} % ${score === 'rougeL' ? SCORE_NAMES[score] : score} (${of}).`;
  });
  const idle = idleTasks(results);
  if (idle.length === 0) return sums;
  return [
    ...sums,
    `${listed(idle)} can show nothing: the model was near chance on ${idle.length === 1 ? 'it' : 'them'} before.`,
  ];
}

/** What the run learned and forgot, in sentences. Shown once a task has been tested. */
export function WhatHappened() {
  const run = usePageState((state) => state.run);
  const view = usePageState((state) => state.view.score);
  const { settings, results } = run;
  const examples = results?.tasks.map(({ testExamples }) => testExamples) ?? [];
  if (settings === null || results === null) return null;
  const { matrix, ranked } = sharesOf(results, view);
  const { tasks, limit } = storyOf(settings, matrix, examples) ?? { tasks: [], limit: null };
  const all = [...tasks, ...freeStory(results)].toSorted(
    (a, b) => settings.order.indexOf(a.task) - settings.order.indexOf(b.task),
  );
  const before = watchedStory(results);
  const text = generalTextChange(results);
  if (all.length === 0) return null;
  return (
    <Section
      title={isActive(run.status) ? 'What happened so far' : 'What happened'}
      note={rankedNote(
        all.map(({ task }) => task),
        ranked,
      )}
      testId="story"
    >
      <ul className={styles.list}>
        {all.map((sentence) => (
          <Sentence key={sentence.task} sentence={sentence} />
        ))}
      </ul>
      {results.cutShort?.map(({ round, steps, planned }) => (
        <p key={round} className={styles.limit}>
          {cutShortText(roundName(settings, round), steps, planned)}
        </p>
      ))}
      {before.map((text) => (
        <p key={text} className={styles.before} data-testid="watched-story">
          {text}
        </p>
      ))}
      {text !== null && (
        <p className={styles.before} data-testid="general-text-story">
          {generalTextSentence(text)}
        </p>
      )}
      <KeptQuestions results={results} />
      {limit !== null && <p className={styles.limit}>{limit}</p>}
      {settings.order.length > 1 && <Comparison settings={settings} run={runKey(results)} />}
    </Section>
  );
}

/** Which of the tasks in the story count by ranked answers; nothing if none does. */
function rankedNote(tasks: readonly string[], ranked: readonly string[]): string | undefined {
  const some = tasks.filter((task) => ranked.includes(task));
  if (some.length === 0) return undefined;
  return `${some.length < tasks.length ? `${listed(some)} by` : 'By'} ranked answers: the likeliest of the task’s labels.`;
}

const cutShortText = (task: string, steps: number, planned: number): string =>
  `You ended the training on ${task} after ${steps} of ${planned} steps; its tests are of the model at that point.`;

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

/** Compares a run with the same one with another method. If there is none yet, queues it, and shows the queue. */
function Comparison({ settings, run }: { settings: RunSettings; run: string }) {
  const { compare, queue, look } = usePage();
  const isMine = usePageState((state) => state.queue.isMine);
  const others = usePageState((state) => state.queue.runs.some(({ status }) => status === 'waiting'));
  const [problem, setProblem] = useState<ErrorReport | null>(null);
  const other = comparedWith(settings.method.name);
  const ended = usePageState(({ run: { status } }) => !isActive(status));
  const history = usePageState((state) => state.history);
  const counterpart = useMemo(() => counterpartOf(settings, other, history), [settings, other, history]);
  const add = (): void => {
    try {
      queue.add([withMethod(settings, other)], run);
      if (!others) queue.start(); // a paused queue stays paused
      look({ tab: 'queue' });
    } catch (error) {
      setProblem(reportOf(error));
    }
  };
  if (counterpart !== null && ended) {
    return (
      <div className={styles.compare}>
        <button
          type="button"
          className={`${buttons.plain} ${buttons.small}`}
          data-testid="compare-with"
          onClick={() => {
            look({ tab: 'compare' });
            void compare.tickOnly([counterpart, run]);
          }}
        >
          Compare with {other}
        </button>
        <p>The same run with {other} is in this browser: the losses and measures of both, side by side.</p>
      </div>
    );
  }
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
