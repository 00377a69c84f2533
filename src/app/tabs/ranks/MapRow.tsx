import { memo } from 'react';
import { NONE, percent } from '../../ui/format.ts';
import { headOf, heatShare, heatText, type MapCell, type MapLine, PARTS } from './map-lines.ts';
import { type LayerPoint, lineOf } from './ranks.ts';
import { Sparkline } from './Sparkline.tsx';
import styles from './ranks.module.css';

interface Props {
  line: MapLine;
  order: readonly string[];
  most: number;
  /** Whether it is unfolded; null if it cannot be folded. */
  isOpen: boolean | null;
  /** Round of the chosen cell if it is in this line. */
  chosen: number | null;
  /** Whether the Tab key stops in this line. */
  isStop: boolean;
  /** Its statistics over the run. */
  course: readonly LayerPoint[] | undefined;
  steps: number;
  /** Whether it is listed under its stack and layer. */
  isNested: boolean;
  /** Whether colours show the values; then a cell has room for only one number. */
  isHeat: boolean;
  /** Whether its cells are drawn; those out of sight are not. */
  isDrawn: boolean;
  onToggle: (key: string) => void;
  onChoose: (name: string, round: number) => void;
}

const NO_COURSE: readonly LayerPoint[] = [];

/** Percent; a dash while there is no space to project out. */
const shareText = (share: number | null | undefined): string =>
  typeof share === 'number' ? `${percent(share)} %` : NONE;

const inPercent = (share: number): string => `${Math.round(100 * share)}%`;

/** A line of the map, redrawn only when its own props change. */
export const MapRow = memo(function MapRow(props: Props) {
  const { line, isOpen, isNested, isHeat, isDrawn, course = NO_COURSE, steps, onToggle } = props;
  const { kind, rows } = line;
  const latest = course.at(-1);
  const [row] = rows;
  const { name, mark } = headOf(line, isNested);
  const head =
    kind === 'stack' ? (
      <>
        {isNested ? name : <strong>{name}</strong>}{' '}
        <span className="muted" title={PARTS[line.part]}>
          {mark}
        </span>
      </>
    ) : (
      name
    );
  if (kind === 'stack' && isOpen === null) {
    return (
      <div role="row" className={styles.part}>
        <div role="rowheader" aria-colspan={row.rounds.length + 5}>
          {head}
        </div>
      </div>
    );
  }
  return (
    <div role="row" className={styles.row} data-kind={kind}>
      <div role="rowheader" className={styles.name} title={kind === 'tensor' ? line.key : undefined}>
        {isOpen === null ? (
          head
        ) : (
          <button
            type="button"
            className={`bare ${styles.unfold}`}
            aria-expanded={isOpen}
            onClick={() => onToggle(line.key)}
          >
            <span className={styles.sign} aria-hidden="true" />
            <span>
              {head} <span className="muted">{rows.length}</span>
              <span className="hidden-visually"> tensors, {PARTS[line.part]}</span>
            </span>
          </button>
        )}
      </div>
      {isDrawn ? (
        line.cells.map((cell, i) =>
          cell === null ? (
            <div key={i} role="gridcell" className={styles.toCome}>
              {NONE}
            </div>
          ) : (
            <Cell key={i} {...props} cell={cell} round={i + 1} />
          ),
        )
      ) : (
        <div role="gridcell" aria-colspan={line.cells.length} className={styles.undrawn} />
      )}
      <div role="gridcell" className={styles.number}>
        {row.full && kind === 'tensor' ? (
          <span className="label bad">full</span>
        ) : isHeat ? (
          shareText(line.cells.findLast((cell) => cell !== null)?.room)
        ) : (
          <>
            {row.dimension - row.total} <span className="muted">of {row.dimension}</span>
          </>
        )}
      </div>
      <div role="gridcell" className={styles.number}>
        {shareText(latest?.projectedAway)}
      </div>
      <div role="gridcell" className={styles.spark}>
        {isDrawn && course.length > 0 && <ProjectedAway course={course} steps={steps} />}
      </div>
      <div role="gridcell" className={styles.number}>
        {shareText(latest?.leakage)}
      </div>
    </div>
  );
});

/** The share projected away over the run: hundreds of points, unaffected by choices in the map. */
const ProjectedAway = memo(function ProjectedAway({ course, steps }: Required<Pick<Props, 'course' | 'steps'>>) {
  return <Sparkline points={lineOf(course ?? NO_COURSE, 'projectedAway')} steps={steps} />;
});

/**
 * What a round added to a line; for a tensor, a button that chooses it. There are thousands of cells, so each is one
 * element: the style sheet draws its numbers, bar and colour, and recolouring touches no cell.
 */
function Cell({ line, cell, round, order, most, chosen, isStop, onChoose }: Props & { cell: MapCell; round: number }) {
  const { name, kind, rows } = line;
  const task = order[round - 1] ?? '';
  const tints = {
    '--added': inPercent(heatShare(cell, 'added', most)),
    '--room': inPercent(heatShare(cell, 'room', most)),
  };
  if (kind !== 'tensor') {
    const words = `${name}, ${task}: ${cell.added.toFixed(1)} added on average, ${percent(cell.room)} % room left`;
    return (
      <div
        role="gridcell"
        className={`bare tinted ${styles.cell}`}
        aria-label={words}
        title={words}
        data-added={heatText(cell, 'added')}
        data-room={heatText(cell, 'room')}
        style={tints}
      />
    );
  }
  const [{ dimension, full }] = rows;
  const isChosen = chosen === round;
  const words = `${name}, ${task}: ${cell.added} added, ${cell.total} of ${dimension} held`;
  return (
    <button
      type="button"
      role="gridcell"
      className={`bare tinted ${styles.cell}`}
      aria-selected={isChosen}
      tabIndex={isStop && (isChosen || (chosen === null && round === 1)) ? 0 : -1}
      aria-label={words}
      title={words}
      data-added={heatText(cell, 'added')}
      data-room={heatText(cell, 'room')}
      data-total={cell.total}
      data-full={full && cell.total >= dimension}
      onClick={() => onChoose(line.key, round)}
      style={{ ...tints, '--held': inPercent(cell.total / dimension) }}
    />
  );
}
