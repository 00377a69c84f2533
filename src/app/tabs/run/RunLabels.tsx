import { useState } from 'react';
import type { Results } from '../../../run/results/results.ts';
import { roundName, roundOf } from '../../../run/settings/schedule.ts';
import { labelRows, LabelTable, roundsWithAnswers } from '../../charts/LabelTable.tsx';
import { usePageState } from '../../state/page-context.tsx';
import { Choice } from '../../ui/Choice.tsx';
import { Section } from '../../ui/Section.tsx';
import styles from './run.module.css';

/** Which answers the run on the page gave to each label of a task, after two rounds of one's choice. */
export function RunLabels() {
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
