import type { ReactNode } from 'react';
import type { Results } from '../../../run/results/results.ts';
import { testedTasks } from '../../../run/settings/settings.ts';
import { DOT } from '../../../charts/chart.ts';
import { Figure, type RoundPoint, roundsChart } from '../../charts/Figure.tsx';
import { usePage, usePageState } from '../../state/page-context.tsx';
import { measuresIn, scoreIn, scoreText } from '../../state/scores.ts';
import { Section } from '../../ui/blocks.tsx';
import { accuracyCurve, generalTextCurve, lineNumbers, overlayLines, performanceCurve, spaceCurve } from './curves.ts';
import type { SettingsGroup } from './settings-groups.ts';

interface Props {
  groups: readonly SettingsGroup[];
}

/** AP over the rounds. */
export function PerformanceOverlay({ groups }: Props) {
  const score = usePageState(({ view }) => view.score);
  const isLoss = groups.every(({ runs }) => runs.every(({ results }) => measuresIn(results, score).isLoss));
  return (
    <RoundOverlay
      groups={groups}
      title="Average performance"
      file="compare-ap"
      note="Mean accuracy over the tasks learned so far."
      yName={isLoss ? 'average (AP), loss' : 'average (AP), %'}
      isLoss={isLoss}
      curveOf={(results) => performanceCurve(results, score)}
    />
  );
}

/** As the choice of a task: the text by which runs are measured besides their tasks. */
const GENERAL_TEXT = 'general text';

/** The accuracy of one task over the rounds. */
export function AccuracyOverlay({ groups }: Props) {
  const { compare } = usePage();
  const score = usePageState(({ view }) => view.score);
  const chosen = usePageState((state) => state.compare.task);
  const all = groups.flatMap(({ runs }) => runs.map(({ results }) => results));
  const hasText = all.some((results) => generalTextCurve(results) !== null);
  const tasks = [
    ...new Set(groups.flatMap(({ settings }) => testedTasks(settings))),
    ...(hasText ? [GENERAL_TEXT] : []),
  ];
  const task = chosen !== null && tasks.includes(chosen) ? chosen : (tasks[0] ?? '');
  const report = all.flatMap((results) => results.tasks).find(({ name }) => name === task);
  const isText = report === undefined && task === GENERAL_TEXT;
  const isLoss = isText || scoreIn(score, report) === 'loss';
  return (
    <RoundOverlay
      groups={groups}
      title="Accuracy of a task"
      file="compare-accuracy"
      note="From before training (0) to after the last task."
      yName={isLoss ? `loss on ${task}` : `accuracy on ${task}, %`}
      isLoss={isLoss}
      tools={
        <label className="choice muted">
          Task
          <select value={task} onChange={({ target }) => compare.show({ task: target.value })}>
            {tasks.map((name) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        </label>
      }
      curveOf={(results) => (isText ? generalTextCurve(results) : accuracyCurve(results, score, task))}
    />
  );
}

/** Share of the dimensions that the shared spaces hold, over the rounds. */
export function SpacesOverlay({ groups }: Props) {
  return (
    <RoundOverlay
      groups={groups}
      title="Shared spaces"
      file="compare-spaces"
      note="Share of the dimensions that the spaces hold, mean over layers. Methods without a space have no line."
      yName="held, %"
      curveOf={spaceCurve}
    />
  );
}

interface RoundProps extends Props {
  title: string;
  file: string;
  note: string;
  yName: string;
  tools?: ReactNode;
  curveOf: (results: Results) => RoundPoint[] | null;
  /** Whether the values are losses, not shares. */
  isLoss?: boolean;
}

/** A chart of one share per run over the rounds. */
function RoundOverlay({ groups, title, file, note, yName, tools, curveOf, isLoss = false }: RoundProps) {
  const by = usePageState((state) => state.compare.by);
  const band = usePageState((state) => state.compare.band);
  const lines = overlayLines(groups, { by, band }, curveOf);
  const rounds = [...new Set(lines.flatMap(({ points }) => points.map(({ x }) => x)))].toSorted((a, b) => a - b);
  return (
    <Section title={title} testId={file} note={note} tools={tools}>
      <Figure
        chart={roundsChart({
          label: `${title} of the compared runs; the table below has the numbers.`,
          lines: lines.map((line) => ({ ...line, mark: DOT })),
          xName: 'tasks learned',
          yName,
          isLoss,
        })}
        table={{
          caption: `${title} of the compared runs, ${isLoss ? 'loss per token' : 'percent'}`,
          columns: ['Line', ...rounds.map((x) => (x === 0 ? 'Before training' : `After task ${x}`))],
          rows: () =>
            lines.map((line) => [
              line.name,
              ...rounds.map((round) =>
                scoreText(isLoss ? 'loss' : 'exact', line.points.find(({ x }) => x === round)?.y ?? null),
              ),
            ]),
          file,
          numbers: () => lineNumbers(lines, 'round', 'share'),
        }}
      />
    </Section>
  );
}
