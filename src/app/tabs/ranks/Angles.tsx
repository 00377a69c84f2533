import { endsRoom, type SvgNode, svgNode } from '../../../charts/chart.ts';
import { Figure } from '../../charts/Figure.tsx';
import { HeatFigure, SaveTools } from '../../charts/save.tsx';
import { usePage } from '../../state/page-context.tsx';
import { Section } from '../../ui/blocks.tsx';
import { meanOf } from '../../state/scores.ts';
import { chanceAngle, degrees, shortName, type TensorRow } from './ranks.ts';
import styles from './ranks.module.css';

interface Props {
  /** Mean cosine over all tensors, by later and earlier task. */
  likeness: readonly (readonly (number | null)[])[];
  row: TensorRow;
  /** Round of the task whose angles are listed. */
  round: number;
  order: readonly string[];
}

/** With more tasks than this, the table of cosines takes the whole width. */
const MANY_TASKS = 6;

/** How similar the main directions of the tasks are: a heat map of all pairs, and the angles of one tensor. */
export function Angles({ likeness, row, round, order }: Props) {
  return (
    <Section
      title="Principal angles between tasks"
      testId="angles"
      note="Each task’s main directions (up to 16 per layer, before projection), compared with those of earlier tasks. 0° is a shared direction: learning along it changes the earlier task. 90° means nothing in common."
    >
      <div className={styles.angles} data-many={order.length > MANY_TASKS}>
        <Likeness likeness={likeness} name={row.name} round={round} order={order} />
        <AngleList row={row} round={round} order={order} />
      </div>
    </Section>
  );
}

function Likeness({ likeness, name, round, order }: Omit<Props, 'row'> & { name: string }) {
  const { changeView } = usePage();
  return (
    <div className={styles.wide} data-many={order.length > MANY_TASKS}>
      <table className={styles.heat}>
        <caption>Mean cosine, all layers</caption>
        <thead>
          <tr>
            <td />
            {order.slice(0, -1).map((task) => (
              <th key={task} scope="col" title={task}>
                <span>{task}</span>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {likeness.slice(1).map((cells, i) => {
            const later = i + 2;
            return (
              <tr key={later}>
                <th scope="row" title={order[later - 1]}>
                  {order[later - 1]}
                </th>
                {cells.map((value, earlier) => (
                  <td key={earlier}>
                    {value !== null && (
                      <button
                        type="button"
                        className="tinted"
                        aria-pressed={later === round}
                        aria-label={`${order[later - 1] ?? ''} and ${order[earlier] ?? ''}: mean cosine ${value.toFixed(2)}`}
                        style={{ '--share': `${Math.round(100 * value)}%` }}
                        onClick={() => changeView({ selected: { name, round: later } })}
                      >
                        {value.toFixed(2)}
                      </button>
                    )}
                  </td>
                ))}
              </tr>
            );
          })}
        </tbody>
      </table>
      <SaveTools
        file="likeness"
        title="Mean cosine of each pair of tasks"
        drawing={() => (
          <HeatFigure
            title="Mean cosine, all layers"
            columns={order.slice(0, -1)}
            rows={likeness.slice(1).map((cells, i) => ({
              name: order[i + 1] ?? '',
              cells: cells.map((value) => (value === null ? null : { share: value, text: value.toFixed(2) })),
            }))}
          />
        )}
        numbers={() => ({
          columns: ['task', 'earlier task', 'mean cosine'],
          rows: likeness.flatMap((cells, later) =>
            cells.map((value, earlier) => [order[later] ?? '', order[earlier] ?? '', value]),
          ),
        })}
      />
    </div>
  );
}

function AngleList({ row, round, order }: Pick<Props, 'row' | 'round' | 'order'>) {
  const space = row.rounds[round - 1];
  const angles = space?.angles ?? [];
  const later = order[round - 1] ?? '';
  const names = angles.map(({ task }) => order[task - 1] ?? '');
  return (
    <div>
      <p className={styles.caption}>
        <code>{shortName(row.name)}</code>,{' '}
        {angles.length > 0
          ? `${later} and each task before it, degrees`
          : round === 1
            ? 'the first task: no earlier one to compare with. Choose a later task.'
            : 'not compared'}
      </p>
      {angles.length > 0 && (
        <>
          <ul className="keys">
            <li style={{ '--series': 'var(--accent)' }}>an angle</li>
            <li style={{ '--series': 'var(--loss)' }}>expected for unrelated directions</li>
          </ul>
          <Figure
            chart={{
              label: 'Principal angles; the table below has the numbers.',
              lines: [],
              x: { from: 0, to: 90, isLog: false },
              y: { from: angles.length - 0.5, to: -0.5, isLog: false },
              xTicks: [0, 30, 60, 90],
              yTicks: names.map((_, i) => i),
              xName: '',
              yName: '',
              formatX: (angle) => `${angle}°`,
              formatY: (i) => names[i],
              margin: { top: 4, bottom: 22, left: endsRoom(names) },
              over: (place) =>
                angles.flatMap(({ task, cosines }, i) => {
                  const own = space?.directions ?? 0;
                  // Fewer angles than directions: only so many are still stored of the earlier task.
                  const other = cosines.length < own ? cosines.length : (row.rounds[task - 1]?.directions ?? 0);
                  const chance = chanceAngle(own, other, row.dimension);
                  return [
                    stroke(place(chance, i), 11, styles.chance),
                    ...cosines.map((cosine) => stroke(place(degrees(cosine), i), 7, styles.angle)),
                  ];
                }),
            }}
            height={26 * (angles.length + 1)}
            table={{
              caption: `Principal angles of ${shortName(row.name)}, ${later} and earlier tasks, degrees`,
              columns: ['Task', 'Mean cosine', 'Angles'],
              rows: () =>
                angles.map(({ cosines }, i) => [
                  names[i],
                  (meanOf(cosines) ?? 0).toFixed(3),
                  cosines.map((cosine) => degrees(cosine).toFixed(1)).join(', '),
                ]),
              file: 'angles',
              numbers: () => ({
                columns: ['layer', 'task', 'earlier task', 'cosine', 'degrees'],
                rows: angles.flatMap(({ cosines }, i) =>
                  cosines.map((cosine) => [row.name, later, names[i], cosine, degrees(cosine)]),
                ),
              }),
            }}
          />
        </>
      )}
    </div>
  );
}

/** An upright stroke at a place. @param half half its length, in pixels. */
function stroke(at: readonly [number, number] | null, half: number, className: string): SvgNode {
  const [x, y] = at ?? [0, 0];
  return svgNode('line', { className, x1: x, x2: x, y1: y - half, y2: y + half });
}
