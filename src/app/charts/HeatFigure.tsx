import { LETTER } from '../../charts/axis.ts';
import styles from './charts.module.css';

interface Props {
  title: string;
  columns: readonly string[];
  rows: readonly { name: string; cells: readonly (HeatCell | null)[] }[];
}

interface HeatCell {
  /** Strength of the colour, in [0, 1]. */
  share: number;
  text: string;
  kind?: 'level' | 'loss' | 'gain';
}

const CELL = { width: 52, height: 24 };
const HEAD = 20;

/** A heat map as SVG, for saving what the page shows as a table. */
export function HeatFigure({ title, columns, rows }: Props) {
  const left = Math.max(...rows.map(({ name }) => name.length), 4) * LETTER + 12;
  // Long column names are drawn vertically.
  const stand = columns.some((name) => name.length * LETTER > CELL.width);
  const head = HEAD + (stand ? Math.max(...columns.map((name) => name.length)) * LETTER : HEAD);
  return (
    <svg
      width={left + columns.length * CELL.width + 8}
      height={head + rows.length * CELL.height + 8}
      role="img"
      aria-label={title}
    >
      <text className={styles.title} x={4} y={14}>
        {title}
      </text>
      {columns.map((name, i) => {
        const x = left + (i + 0.5) * CELL.width;
        return stand ? (
          <text key={name} className={styles.legend} transform={`translate(${x + 4} ${head - 6}) rotate(-90)`}>
            {name}
          </text>
        ) : (
          <text key={name} className={styles.legend} x={x} y={head - 6} textAnchor="middle">
            {name}
          </text>
        );
      })}
      {rows.map(({ name, cells }, r) => {
        const y = head + r * CELL.height;
        return (
          <g key={r}>
            <text className={styles.legend} x={left - 8} y={y + CELL.height / 2} dy="0.32em" textAnchor="end">
              {name}
            </text>
            {cells.map((cell, c) =>
              cell === null ? null : (
                <g
                  key={c}
                  className={`tinted ${styles.cell}`}
                  data-kind={cell.kind}
                  style={{ '--share': `${Math.round(100 * cell.share)}%` }}
                >
                  <rect x={left + c * CELL.width + 1} y={y + 1} width={CELL.width - 2} height={CELL.height - 2} />
                  <text
                    className={styles.value}
                    x={left + (c + 0.5) * CELL.width}
                    y={y + CELL.height / 2}
                    dy="0.32em"
                    textAnchor="middle"
                  >
                    {cell.text}
                  </text>
                </g>
              ),
            )}
          </g>
        );
      })}
    </svg>
  );
}
