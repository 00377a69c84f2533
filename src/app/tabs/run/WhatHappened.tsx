import { useEffect, useMemo, useState } from 'react';
import { type ErrorReport, reportOf } from '../../../base/errors.ts';
import { changeInterval } from '../../../base/proportions.ts';
import { turnedBetween } from '../../../run/results/answers.ts';
import {
  generalTextChange,
  generalTextSentence,
  idleTasks,
  keptQuestions,
  keptSentence,
  watchedSums,
} from '../../../run/results/known-before.ts';
import type { Results } from '../../../run/results/results.ts';
import { roundName, roundOf } from '../../../run/settings/schedule.ts';
import { isShare, mainScore } from '../../../tasks/forms.ts';
import { shownKey } from '../../state/history.ts';
import { usePage, usePageState } from '../../state/page-context.tsx';
import { sameWith } from '../../state/queue.ts';
import { isActive } from '../../state/run-state.ts';
import { scoreText, sharesOf } from '../../state/scores.ts';
import { listed, roundBefore, storyOf, type TaskSentence } from '../../state/story.ts';
import { ErrorLine, PlainTable, Section } from '../../ui/blocks.tsx';
import { significant } from '../../ui/format.ts';
import { withTerms } from '../../ui/terms.tsx';
import styles from './run.module.css';
import { counterMethod, counterpartOf, PLAIN, SideBySide } from './SideBySide.tsx';

/** How many questions of common knowledge the model still answers, and those that it lost, with both answers. */
function KeptQuestions({ results }: { results: Results }) {
  const last = keptQuestions(results).at(-1);
  if (last === undefined) return null;
  const { lost } = last;
  return (
    <div className={styles.limit} data-testid="kept-questions">
      <p>{keptSentence(last)}</p>
      {lost.length > 0 && (
        <details>
          <summary>{lost.length === 1 ? 'The one that it lost' : `The ${lost.length} that it lost`}</summary>
          <PlainTable
            label="Questions that the model answered rightly before and not now"
            head={['question', 'before training', 'now']}
            rows={lost.map(({ question, before, after }) => [question, before, after])}
            className=""
          />
        </details>
      )}
    </div>
  );
}

/** Describes how the model's earlier abilities changed, a sentence for each score, and which tasks can show nothing. */
export function watchedStory(results: Results): string[] {
  const { name, protects, taskRates } = results.settings.method;
  const sums = watchedSums(results).map(({ score, before, now, tasks }) => {
    const [from, to] = [scoreText(score, before), scoreText(score, now)];
    const of = tasks.length === 1 ? tasks[0] : `mean of ${listed(tasks)}`;
    if (score === 'loss')
      return `What the model could do before: surprise (loss per token) ${from} → ${to}, perplexity ${significant(Math.exp(before))} → ${significant(Math.exp(now))} (${of}).`;
    const count = results.tasks.reduce((sum, one) => sum + (tasks.includes(one.name) ? one.testExamples : 0), 0);
    const [low, high] = changeInterval({ share: before, count }, { share: now, count });
    const went = high < 0 ? 'fell' : low > 0 ? 'rose' : 'went';
    const end = `${went === 'went' ? ', which may be chance' : ''}.`;
    const more = taskRates === 'compensated' ? ', and its rates rise from task to task' : '';
    const why = went === 'fell' && protects === 'earlier' ? ` ${name} protects only what it is taught${more}.` : '';
    return `What the model could do before ${went} from ${from} to ${to} % ${score === 'rougeL' ? 'words in common, ROUGE-L' : score} (${of})${end}${why}`;
  });
  const idle = idleTasks(results);
  if (idle.length === 0) return sums;
  return [
    ...sums,
    `${listed(idle)} can show nothing: the model was near chance on ${idle.length === 1 ? 'it' : 'them'} before.`,
  ];
}

/** Sentences about what the run learned and forgot. Shown once a task has been tested. */
export function WhatHappened() {
  const run = usePageState((state) => state.run);
  const view = usePageState((state) => state.view.score);
  const { settings, results } = run;
  const key = shownKey(run);
  const examples = results?.tasks.map(({ testExamples }) => testExamples) ?? [];
  if (settings === null || results === null) return null;
  const { matrix, ranked } = sharesOf(results, view);
  const turned: Parameters<typeof storyOf>[3] = (j, rounds) =>
    turnedBetween(results, ranked.includes(results.tasks[j].name) ? 'ranked' : 'exact', j, rounds);
  const { tasks, limit } = storyOf(settings, matrix, examples, turned) ?? { tasks: [], limit: null };
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
        {all.map(({ task, text, tone }) => (
          <li key={task} data-tone={tone}>
            <strong>{task}</strong>
            {text.slice(task.length)}
          </li>
        ))}
      </ul>
      {results.cutShort?.map(({ round, steps, planned }) => (
        <p key={round} className={`about ${styles.limit}`}>
          {cutShortText(roundName(settings, round), steps, planned)}
        </p>
      ))}
      {before.map((text) => (
        <p key={text} className={styles.limit} data-testid="watched-story">
          {withTerms(text, 'token', 'perplexity', 'ROUGE-L')}
        </p>
      ))}
      {text !== null && (
        <p className={styles.limit} data-testid="general-text-story">
          {generalTextSentence(text)}
        </p>
      )}
      <KeptQuestions results={results} />
      {limit !== null && <p className={`about ${styles.limit}`}>{limit}</p>}
      {settings.order.length > 1 && key !== null && !isActive(run.status) && <Comparison results={results} run={key} />}
    </Section>
  );
}

/** Which of the tasks in the story count by ranked answers; nothing if none does. */
function rankedNote(tasks: readonly string[], ranked: readonly string[]): string | undefined {
  const some = tasks.filter((task) => ranked.includes(task));
  if (some.length === 0) return undefined;
  return `${some.length < tasks.length ? `${listed(some)} by` : 'By'} the likeliest of the task’s labels (ranked answers).`;
}

const cutShortText = (task: string, steps: number, planned: number): string =>
  `You ended the training on ${task} after ${steps} of ${planned} steps; its tests are of the model at that point.`;

/** An ended run beside the same one with another method. If there is none yet, offers to train that, on the spot. */
function Comparison({ results, run }: { results: Results; run: string }) {
  const { queue, changeView } = usePage();
  const { settings } = results;
  const isMine = usePageState((state) => state.queue.isMine);
  const [problem, setProblem] = useState<ErrorReport | null>(null);
  const other = counterMethod(settings.method.name);
  const history = usePageState((state) => state.history);
  const counterpart = useMemo(() => counterpartOf(settings, other, history), [settings, other, history]);
  const add = (): void => {
    try {
      if (!queue.startNow(sameWith(settings, other), run)) changeView({ tab: 'queue' });
    } catch (error) {
      setProblem(reportOf(error));
    }
  };
  if (counterpart !== null) return <Beside results={results} run={run} other={counterpart} />;
  return (
    <div className="row spaced">
      <button
        type="button"
        data-testid="same-with"
        disabled={!isMine}
        title={isMine ? undefined : 'The queue belongs to another tab of this page.'}
        onClick={add}
      >
        {other === PLAIN ? `Now without protection: the same with ${other}` : `The same with ${other}`}
      </button>
      <p>
        {other === PLAIN
          ? `${other} does nothing against forgetting. The same order, rank and seed show what this method saves.`
          : `${other} protects what was learned. The same order, rank and seed show what this run could have saved.`}
      </p>
      {problem !== null && <ErrorLine error={problem} isNew />}
    </div>
  );
}

/** Reads the results of another run, and shows both. */
function Beside({ results, run, other }: { results: Results; run: string; other: string }) {
  const { compare, changeView, resultsOf } = usePage();
  const [read, setRead] = useState<{ key: string; results: Results | null } | null>(null);
  useEffect(() => {
    let isShown = true;
    void resultsOf(other).then((found) => {
      if (isShown) setRead({ key: other, results: found });
    });
    return () => {
      isShown = false;
    };
  }, [resultsOf, other]);
  const found = read?.key === other ? read.results : null;
  return (
    <>
      {found !== null && <SideBySide results={results} other={found} />}
      <button
        type="button"
        data-testid="compare-with"
        onClick={() => {
          changeView({ tab: 'compare' });
          void compare.tickOnly([other, run]);
        }}
      >
        Compare all measures and losses
      </button>
    </>
  );
}

const NAMES = { rougeL: 'share of words in common (ROUGE-L)', loss: 'surprise (loss per token)' } as const;

/** A change of this share is called no change. */
const LITTLE = 0.01;

/**
 * Describes what each task learned and lost whose main score is a mean, not a share of right answers: nothing is said
 * of chance. Those with right answers are in the sentences of `storyOf`.
 */
export function freeStory({ settings, tasks, accuracy }: Results): TaskSentence[] {
  return tasks.flatMap((task, j): TaskSentence[] => {
    const score = mainScore(task);
    if (isShare(score) || task.watched === true) return [];
    const matrix = accuracy[score] ?? [];
    const at = (round: number): number | null => matrix[round]?.[j] ?? null;
    const own = roundOf(settings, j);
    const learned = at(own);
    if (learned === null) return [];
    const isBetter = (a: number, b: number): boolean => (score === 'loss' ? a < b : a > b);
    const text = (value: number): string => {
      if (score !== 'loss') return `${scoreText(score, value)} %`;
      const perplexity = task.form === 'text' ? ` (perplexity ${significant(Math.exp(value))})` : '';
      return `${scoreText(score, value)}${perplexity}`;
    };
    const before = at(roundBefore(matrix, j, own));
    const round = matrix.findLastIndex((row) => (row[j] ?? null) !== null);
    const last = round > own ? at(round) : null;
    const first =
      before === null
        ? `had a ${NAMES[score]} of ${text(learned)}`
        : `went from a ${NAMES[score]} of ${text(before)} to ${text(learned)} when it was learned`;
    // Of a loss its share, of ROUGE-L its points.
    const little = score === 'loss' ? LITTLE * learned : LITTLE;
    if (last === null || Math.abs(last - learned) <= little) {
      const isSame = before !== null && scoreText(score, before) === scoreText(score, learned);
      const tone = isSame ? 'same' : before === null || isBetter(learned, before) ? 'learned' : 'fell';
      const isEqual = last !== null && scoreText(score, last) === scoreText(score, learned);
      const end = last === null ? '' : isEqual ? ' and stayed there' : ` and stayed about there: ${text(last)} now`;
      return [{ task: task.name, tone, text: `${task.name} ${first}${end}.` }];
    }
    const isWorse = isBetter(learned, last);
    return [
      {
        task: task.name,
        tone: isWorse ? 'fell' : 'rose',
        text: `${task.name} ${first}, and is ${text(last)} now, which is ${isWorse ? 'worse' : 'better'}.`,
      },
    ];
  });
}
