import { useRef } from 'react';
import { linearScale } from '../../../charts/axis.ts';
import { DataTable } from '../../charts/DataTable.tsx';
import { HeatFigure } from '../../charts/HeatFigure.tsx';
import { drawingIn, SaveTools, withDrawing } from '../../charts/save.tsx';
import { usePage } from '../../state/page-context.tsx';
import { useWidth } from '../../ui/hooks.ts';
import { Section } from '../../ui/Section.tsx';
import { chanceAngle, degrees, mean, shortName, type TensorRow } from './ranks.ts';
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

const ROW = 26;
const PLOT = { top: 4, right: 10, bottom: 22 };
const TICKS = [0, 30, 60, 90];

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
        draw={(take) =>
          withDrawing(
            <HeatFigure
              title="Mean cosine, all layers"
              columns={order.slice(0, -1)}
              rows={likeness.slice(1).map((cells, i) => ({
                name: order[i + 1] ?? '',
                cells: cells.map((value) => (value === null ? null : { share: value, text: value.toFixed(2) })),
              }))}
            />,
            take,
          )
        }
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
  const frame = useRef<HTMLDivElement>(null);
  const width = useWidth(frame);
  const space = row.rounds[round - 1];
  const angles = space?.angles ?? [];
  const label = Math.min(90, width / 4);
  const x = linearScale(0, 90, label + 8, width - PLOT.right);
  const height = PLOT.top + angles.length * ROW + PLOT.bottom;
  const title = `${shortName(row.name)}, ${order[round - 1] ?? ''} and earlier tasks`;
  return (
    <div>
      <p className={styles.caption}>
        <code>{shortName(row.name)}</code>,{' '}
        {angles.length > 0
          ? `${order[round - 1] ?? ''} and each task before it, degrees`
          : round === 1
            ? 'the first task: no earlier one to compare with. Choose a later task.'
            : 'not compared'}
      </p>
      <div ref={frame}>
        {width > 0 && angles.length > 0 && (
          <svg width={width} height={height} role="img" aria-label="Principal angles; the table below has the numbers.">
            {TICKS.map((tick) => (
              <g key={tick}>
                <line className={styles.grid} x1={x(tick)} x2={x(tick)} y1={PLOT.top} y2={height - PLOT.bottom} />
                <text className={styles.tick} x={x(tick)} y={height - 6} textAnchor="middle">
                  {tick}°
                </text>
              </g>
            ))}
            {angles.map(({ task, cosines }, i) => {
              const middle = PLOT.top + (i + 0.5) * ROW;
              const own = space?.directions ?? 0;
              // Fewer angles than directions: only so many are still stored of the earlier task.
              const other = cosines.length < own ? cosines.length : (row.rounds[task - 1]?.directions ?? 0);
              const chance = x(chanceAngle(own, other, row.dimension));
              return (
                <g key={task}>
                  <text className={styles.task} x={label} y={middle} dy="0.32em" textAnchor="end">
                    {order[task - 1]}
                  </text>
                  <line className={styles.chance} x1={chance} x2={chance} y1={middle - 11} y2={middle + 11} />
                  {cosines.map((cosine, k) => (
                    <line
                      key={k}
                      className={styles.angle}
                      x1={x(degrees(cosine))}
                      x2={x(degrees(cosine))}
                      y1={middle - 7}
                      y2={middle + 7}
                    />
                  ))}
                </g>
              );
            })}
          </svg>
        )}
      </div>
      {angles.length > 0 && (
        <>
          <ul className="keys">
            <li style={{ '--series': 'var(--accent)' }}>an angle</li>
            <li style={{ '--series': 'var(--loss)' }}>expected for unrelated directions</li>
          </ul>
          <DataTable
            caption={`Principal angles of ${title}, degrees`}
            columns={['Task', 'Mean cosine', 'Angles']}
            rows={() =>
              angles.map(({ task, cosines }) => [
                order[task - 1] ?? '',
                (mean(cosines) ?? 0).toFixed(3),
                cosines.map((cosine) => degrees(cosine).toFixed(1)).join(', '),
              ])
            }
            save={{
              file: 'angles',
              draw: (take) => drawingIn(frame.current, take),
              numbers: () => ({
                columns: ['layer', 'task', 'earlier task', 'cosine', 'degrees'],
                rows: angles.flatMap(({ task, cosines }) =>
                  cosines.map((cosine) => [
                    row.name,
                    order[round - 1] ?? '',
                    order[task - 1] ?? '',
                    cosine,
                    degrees(cosine),
                  ]),
                ),
              }),
            }}
          />
        </>
      )}
    </div>
  );
}
