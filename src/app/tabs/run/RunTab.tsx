import { Suspense, useState } from 'react';
import { visibleText } from '../../../base/visible.ts';
import type { MethodName } from '../../../methods/registry.ts';
import type { Results } from '../../../run/results/results.ts';
import { roundName, roundOf } from '../../../run/settings/schedule.ts';
import { countsByOwnScores } from '../../../tasks/forms.ts';
import { labelRows, LabelTable, roundsWithAnswers } from '../../charts/LabelTable.tsx';
import { HeatTool, ScoreTool } from '../../shared/score-tools.tsx';
import { usePageState } from '../../state/page-context.tsx';
import { isActive } from '../../state/run-state.ts';
import type { ScoreView } from '../../state/scores.ts';
import { taskCard } from '../../state/task-store.ts';
import { ReadExample, Section, countsOf, lazyPart } from '../../ui/blocks.tsx';
import { Choice } from '../../ui/controls.tsx';
import { withTerms } from '../../ui/terms.tsx';
import { AccuracyChart, AccuracyMatrix } from './Accuracy.tsx';
import { LossChart } from './LossChart.tsx';
import { Measures } from './Measures.tsx';
import styles from './run.module.css';
import { counterMethod, PLAIN } from './SideBySide.tsx';
import { Machine, StatusPanel } from './StatusPanel.tsx';
import { WhatHappened } from './WhatHappened.tsx';

/** The first example of the run exactly as the model reads it, with the tokens of its label marked. */
function Reading() {
  const reading = usePageState(({ run }) => run.reading);
  const notes = usePageState(({ run }) => run.notes);
  if (reading === null) return null;
  return (
    <Section title="What the model reads" note={countsOf(reading)}>
      <ReadExample {...reading} />
      {notes.map((note) => (
        <p key={note} className="about" data-testid="reading-note">
          {note} The embedded models have this length by design; most of their texts are far shorter.
        </p>
      ))}
    </Section>
  );
}

const RunAnswers = lazyPart(() => import('../../shared/Examples.tsx'));

/** The answers of the tests once a run has ended: at once if some are free, since scores alone say little of them. */
function TestAnswers() {
  const results = usePageState(({ run }) => (isActive(run.status) ? null : run.results));
  const [asked, setAsked] = useState<string | null>(null);
  if (results === null) return null;
  const { id = null, tasks, accuracy } = results;
  const written = tasks.filter(({ form }) => form !== 'text');
  const isTested = accuracy.exact.some((row, round) => round > 0 && row.some((value) => value !== null));
  if (id === null || written.length === 0 || !isTested) return null;
  const isShown = asked === id || written.some(({ form = 'labels' }) => form !== 'labels');
  return (
    <Section
      title="Answers of the tests"
      note="Each test example with its right answer and what the model wrote after two tasks: at first the one itself, and the last. Those that got worse come first."
      testId="run-answers"
    >
      {isShown ? (
        <Suspense fallback={<p>Loading…</p>}>
          <RunAnswers key={id} runId={id} />
        </Suspense>
      ) : (
        <button type="button" data-testid="show-answers" onClick={() => setAsked(id)}>
          Show the answers
        </button>
      )}
    </Section>
  );
}

/** With more tasks than this, the matrix takes the whole width. */
const MANY_TASKS = 6;

const NOTES: Readonly<Record<ScoreView, string>> = {
  main: 'Each task by its main score: unless you chose another, exact match of labels, ROUGE-L of free answers, and the loss per token of conversations and texts, where less is better.',
  exact: 'Exact answer: the generated answer equals the label, or a right answer.',
  ranked: 'Likeliest label (ranked): the correct label is the likeliest of the task’s labels.',
  rougeL: 'Words in common (ROUGE-L): words in common with the best of the right answers, in order.',
  loss: 'Surprise (loss): −log p per token of the right answer; less is better.',
};

/**
 * The current run: its loss first while it trains; once it has ended, what it learned and forgot. Before the first run, an
 * introduction.
 */
export function RunTab() {
  const idle = usePageState(({ run }) => run.status === 'idle');
  const active = usePageState(({ run }) => isActive(run.status));
  const many = usePageState(({ run }) => (run.settings?.order.length ?? 0) > MANY_TASKS);
  const score = usePageState(({ view }) => view.score);
  const hasOwn = usePageState(({ run }) => countsByOwnScores(run.results?.tasks ?? []));
  if (idle) return <Welcome />;
  const loss = <LossChart key="loss" />;
  const reading = <Reading key="reading" />;
  const accuracy = (
    <Section
      key="accuracy"
      title="Accuracy"
      tools={<ScoreTool />}
      note={withTerms(NOTES[score === 'main' && !hasOwn ? 'exact' : score], 'ROUGE-L', 'ranked', 'token')}
    >
      <div className={styles.pair} data-many={many}>
        <Section
          level={3}
          title="After each task"
          note="Each row is a test after learning one task. Numbers that fall down a column show forgetting. Hatched: not tested."
          tools={<HeatTool />}
        >
          <AccuracyMatrix />
        </Section>
        <Section
          level={3}
          title="Each task over the run"
          note="A ring marks where a task was learned; lines are dotted before that, and dashed for tasks that are only tested."
        >
          <AccuracyChart />
        </Section>
      </div>
      <RunLabels />
      <Measures />
    </Section>
  );
  return (
    <div className="sections">
      <StatusPanel />
      <WhatHappened />
      {active ? [loss, reading, accuracy] : [accuracy, <TestAnswers key="answers" />, loss, reading]}
      <Machine />
    </div>
  );
}

/** Which answers the run on the page gave to each label of a task, after two rounds of one's choice. */
function RunLabels() {
  const results = usePageState(({ run }) => run.results);
  if (results === null) return null;
  const tested = results.tasks.flatMap((task, j) => {
    const rounds = roundsWithAnswers(results, j);
    return rounds.some((round) => round > 0) ? [{ ...task, j, rounds }] : [];
  });
  if (tested.length === 0) return null;
  // Another run begins with its own choice.
  return <Labels key={results.id ?? results.startedAt} results={results} tested={tested} />;
}

type Tested = Results['tasks'][number] & { j: number; rounds: readonly number[] };

function Labels({ results, tested }: { results: Results; tested: readonly Tested[] }) {
  const { settings } = results;
  const [chosen, setChosen] = useState<{ task?: string; from?: number; to?: number }>({});
  const task = tested.find(({ name }) => name === chosen.task) ?? mostLost(results, tested);
  const { name, j, labels, rounds } = task;
  const last = rounds.at(-1) ?? 0;
  const own = firstRound(results, task);
  const of = (round: number | undefined, other: number): number =>
    round !== undefined && rounds.includes(round) ? round : other;
  const to = of(chosen.to, last);
  const from = of(chosen.from, own < last ? own : (rounds[0] ?? 0));
  const called = (round: number): string => (round === 0 ? 'before training' : `after ${roundName(settings, round)}`);
  const options = rounds.map((round) => ({ value: round, label: called(round) }));
  return (
    <div className={styles.part}>
      <Section
        level={3}
        title="Answers by label"
        note="Each row is a right label: how many of its tests were answered rightly, and what was answered after the second of two tasks. Numbers off the diagonal are labels taken for each other."
        testId="run-labels"
      >
        <div className="row">
          <Choice
            label="Task"
            testId="labels-task"
            options={tested.map((one) => ({ value: one.name, label: one.name }))}
            value={name}
            onChange={(next) => setChosen({ task: next })}
          />
          <Choice
            label="From"
            testId="labels-from"
            options={options}
            value={from}
            onChange={(next) => setChosen({ task: name, from: next, to })}
          />
          <Choice
            label="to"
            testId="labels-to"
            options={options}
            value={to}
            onChange={(next) => setChosen({ task: name, from, to: next })}
          />
        </div>
        <LabelTable
          task={name}
          labels={labels}
          rows={labelRows(results, j, labels, { from, to })}
          from={called(from)}
          to={called(to)}
        />
      </Section>
    </div>
  );
}

/** The round in which a task was learned; of a task that is only tested, 0. */
const firstRound = ({ settings }: Results, { j, watched }: Tested): number =>
  watched === true ? 0 : roundOf(settings, j);

/** The task that lost most since it was learned. */
function mostLost(results: Results, tested: readonly Tested[]): Tested {
  const lost = (task: Tested): number => {
    const at = (round: number): number => results.accuracy.exact[round]?.[task.j] ?? 0;
    return at(firstRound(results, task)) - at(task.rounds.at(-1) ?? 0);
  };
  const [first] = tested.toSorted((a, b) => lost(b) - lost(a));
  return first;
}

/** The embedded models as named within a sentence. */
const MODELS: Readonly<Record<string, string>> = { embedded: 'a small T5', 'embedded-llama': 'a small LLaMA' };

/** A sentence about the chosen method that its run can show. */
const aboutMethod = (method: MethodName): string =>
  method === 'gorp-plus'
    ? 'gorp-plus, the method chosen, keeps its updates out of the directions that earlier tasks need.'
    : method === PLAIN
      ? `${PLAIN}, the method chosen, is plain.`
      : `The method chosen is ${method}.`;

const VIEWS = {
  Run: 'The loss of every step, and an accuracy matrix that fills in row by row as tasks are learned.',
  Ranks: 'The directions each layer reserves for earlier tasks, the room left, and the share of each gradient removed.',
  'Try it': 'The model’s answers to your sentence, before training and after every task.',
  Results: 'Your runs beside the published averages, and every number as a JSON file.',
};

/** Before the first run: what Start does, and what each view will show. */
function Welcome() {
  const order = usePageState(({ draft }) => draft.order);
  const data = usePageState((state) => state.userTasks);
  const model = usePageState(({ draft }) => draft.model);
  const method = usePageState(({ draft }) => draft.method.name);
  const withOther = counterMethod(method) === PLAIN ? 'without protection' : `with ${counterMethod(method)}`;
  const cards = order.map((name) => taskCard(name, data));
  return (
    <div className={styles.welcome}>
      <h2 className={styles.headline}>Teach a language model one task after another, and see what it forgets.</h2>
      <p className={styles.lead}>
        Start trains {MODELS[model] ?? 'the model you chose'} on your own machine, in this tab. It learns the tasks
        below in order and is tested after each.{' '}
        {withTerms('Plain fine-tuning makes it forget much of what it learned before.', 'fine-tuning')}{' '}
        {withTerms(aboutMethod(method), 'direction')} When the run has ended, you can train the same {withOther} and see
        both side by side.
      </p>
      <ol className={styles.tasks}>
        {cards.map(({ name, question, labels }, index) => (
          <li key={name} className={styles.task}>
            <span className="muted">{index + 1}</span>
            <h3>{visibleText(name, 60)}</h3>
            <p className={styles.question}>{question}</p>
            {labels.length > 0 && (
              <p className={`muted small ${styles.labels}`}>{visibleText(labels.join(', '), 400)}</p>
            )}
          </li>
        ))}
      </ol>
      <dl className={`small ${styles.views}`}>
        {Object.entries(VIEWS).map(([name, about]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{about}</dd>
          </div>
        ))}
      </dl>
    </div>
  );
}
