import { memo } from 'react';
import { percent, whole } from '../format.ts';
import { type Heat, heatShare, heatText } from './map-heat.ts';
import type { MapCell, MapLine } from './map-lines.ts';
import { type LayerPoint, lineOf } from './ranks.ts';
import styles from './RanksMap.module.css';
import { Sparkline } from './Sparkline.tsx';

interface Props {
  line: MapLine;
  order: readonly string[];
  heat: Heat;
  most: number;
  /** Whether what belongs to it is seen; null where it cannot be folded. */
  isOpen: boolean | null;
  /** Round of the chosen cell, where it is in this line. */
  chosen: number | null;
  /** Whether the Tab key stops in this line. */
  isStop: boolean;
  health: readonly LayerPoint[] | undefined;
  steps: number;
  /** Whether it stands below the names of its stack and its layer. */
  isNested: boolean;
  onToggle: (key: string) => void;
  onChoose: (name: string, round: number) => void;
}

const NO_HEALTH: readonly LayerPoint[] = [];

const PARTS: Record<MapLine['part'], string> = { lora: 'adapters, A', 'full-rank': 'full-rank weights, W' };

/** Percent; empty while there is nothing to be kept out of. */
const shareText = (share: number | null | undefined): string =>
  typeof share === 'number' ? `${percent(share)} %` : '';

/** A line of the map. Only those whose own part changes are drawn anew. */
export const MapRow = memo(function MapRow(props: Props) {
  const { line, isOpen, isNested, health = NO_HEALTH, steps, onToggle } = props;
  const { kind, name, rows } = line;
  const latest = health.at(-1);
  const [row] = rows;
  const rounds = row.rounds.length;
  const head =
    kind === 'stack' ? (
      <>
        <strong>{name}</strong>{' '}
        <span className={styles.of} title={PARTS[line.part]}>
          {isOpen === null ? PARTS[line.part] : PARTS[line.part].slice(-1)}
        </span>
      </>
    ) : kind === 'tensor' && isNested ? (
      (name.split('.').at(-1) ?? name)
    ) : (
      name
    );
  if (kind === 'stack' && isOpen === null) {
    return (
      <tr>
        <th scope="rowgroup" colSpan={rounds + 5} className={styles.part}>
          {head}
        </th>
      </tr>
    );
  }
  return (
    <tr data-kind={kind}>
      <th scope="row" title={kind === 'tensor' ? line.key : undefined}>
        {isOpen === null ? (
          head
        ) : (
          <button
            type="button"
            className={styles.unfold}
            aria-expanded={isOpen}
            aria-label={`${name}, ${PARTS[line.part]}: ${rows.length} tensors`}
            onClick={() => onToggle(line.key)}
          >
            <span className={styles.sign} aria-hidden="true" />
            {head} <span className={styles.of}>{rows.length}</span>
          </button>
        )}
      </th>
      {line.cells.map((cell, i) => (
        <td key={i} className={styles.cell}>
          {cell !== null && <Cell {...props} cell={cell} round={i + 1} />}
        </td>
      ))}
      <td className={styles.number}>
        {kind !== 'tensor' ? (
          shareText(line.cells.findLast((cell) => cell !== null)?.room)
        ) : row.full ? (
          <span className={styles.none}>full</span>
        ) : (
          <>
            {row.dimension - row.total} <span className={styles.of}>of {row.dimension}</span>
          </>
        )}
      </td>
      <td className={styles.number}>{shareText(latest?.projectedAway)}</td>
      <td className={styles.spark}>{health.length > 0 && <Course health={health} steps={steps} />}</td>
      <td className={styles.number}>{shareText(latest?.leakage)}</td>
    </tr>
  );
});

/** The share projected away over the run: hundreds of points that no choice in the map changes. */
const Course = memo(function Course({ health, steps }: { health: readonly LayerPoint[]; steps: number }) {
  return <Sparkline points={lineOf(health, 'projectedAway')} steps={steps} />;
});

/** What a round added to a line. A cell of a tensor is a button that chooses it. */
function Cell({
  line,
  cell,
  round,
  order,
  heat,
  most,
  chosen,
  isStop,
  onChoose,
}: Props & { cell: MapCell; round: number }) {
  const { name, kind, rows } = line;
  const share = heatShare(cell, heat, most);
  const style = { '--share': `${Math.round(100 * share)}%` };
  const task = order[round - 1] ?? '';
  if (kind !== 'tensor') {
    return (
      <span
        className={`${styles.mean} tinted`}
        title={`${name}, ${task}: ${cell.added.toFixed(1)} added on average, ${percent(cell.room)} % of the room left`}
        style={style}
      >
        {heatText(cell, heat)}
      </span>
    );
  }
  const [{ dimension }] = rows;
  const isChosen = chosen === round;
  return (
    <button
      type="button"
      className={`${styles.space} tinted`}
      aria-pressed={isChosen}
      tabIndex={isStop && (isChosen || (chosen === null && round === 1)) ? 0 : -1}
      aria-label={`${name}, ${task}: ${cell.added} added, ${cell.total} of ${dimension} held`}
      onClick={() => onChoose(line.key, round)}
      style={style}
    >
      <span
        className={styles.held}
        data-full={cell.total >= dimension}
        style={{ width: `${(100 * cell.total) / dimension}%` }}
      />
      {/* Numbers that the style sheet draws: the name of the cell says them in words. */}
      <span className={styles.added} data-number={`+${cell.added}`} />
      <span className={styles.total} data-number={whole(cell.total)} />
      <span className={styles.one} data-number={heatText(cell, heat)} />
    </button>
  );
}
