import { type KeyboardEvent, memo, type RefObject, useEffect, useMemo, useRef, useState } from 'react';
import { flushSync } from 'react-dom';
import { HeatFigure, SaveTools } from '../../charts/save.tsx';
import { Sparkline } from '../../charts/Figure.tsx';
import { usePage, usePageState } from '../../state/page-context.tsx';
import { Segmented } from '../../ui/controls.tsx';
import { NONE, percent } from '../../ui/format.ts';
import { gridStep } from '../../ui/hooks.ts';
import {
  foldableKeys,
  headOf,
  type Heat,
  heatShare,
  heatText,
  isFoldable,
  isHeatMap,
  keysAbove,
  longestHead,
  type MapCell,
  type MapLine,
  mapStacks,
  PARTS,
  visibleLines,
} from './map-lines.ts';
import styles from './ranks.module.css';
import { type LayerCourses, type LayerPoint, lineOf, type TensorRow } from './ranks.ts';

interface MapRowProps {
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
const MapRow = memo(function MapRow(props: MapRowProps) {
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
const ProjectedAway = memo(function ProjectedAway({ course, steps }: Required<Pick<MapRowProps, 'course' | 'steps'>>) {
  return <Sparkline points={lineOf(course ?? NO_COURSE, 'projectedAway')} steps={steps} />;
});

/**
 * The directions that a round added to a line; for a tensor, a button that chooses it. There are thousands of cells, so
 * each is one element: the style sheet draws its numbers, bar and colour, and recolouring touches no cell.
 */
function Cell({
  line,
  cell,
  round,
  order,
  most,
  chosen,
  isStop,
  onChoose,
}: MapRowProps & { cell: MapCell; round: number }) {
  const { name, kind, rows } = line;
  const task = order[round - 1] ?? '';
  const tints = {
    '--added': inPercent(heatShare(cell, 'added', most)),
    '--room': inPercent(heatShare(cell, 'room', most)),
  };
  const [{ dimension, full }] = rows;
  const words =
    kind === 'tensor'
      ? `${name}, ${task}: ${cell.added} added, ${cell.total} of ${dimension} held`
      : `${name}, ${task}: ${cell.added.toFixed(1)} added on average, ${percent(cell.room)} % room left`;
  const shared = {
    role: 'gridcell',
    className: `bare tinted ${styles.cell}`,
    'aria-label': words,
    title: words,
    'data-added': heatText(cell, 'added'),
    'data-room': heatText(cell, 'room'),
  };
  if (kind !== 'tensor') return <div {...shared} style={tints} />;
  const isChosen = chosen === round;
  return (
    <button
      type="button"
      {...shared}
      aria-selected={isChosen}
      tabIndex={isStop && (isChosen || (chosen === null && round === 1)) ? 0 : -1}
      data-total={cell.total}
      data-full={full && cell.total >= dimension}
      onClick={() => onChoose(line.key, round)}
      style={{ ...tints, '--held': inPercent(cell.total / dimension) }}
    />
  );
}

/** Lines to scroll before the visible lines are computed again. */
const STEP = 8;

/** The visible lines of a scrolled list, from `from` up to but excluding `to`, with a few more on either side. */
interface LinesInSight {
  readonly from: number;
  readonly to: number;
}

/**
 * The lines to draw in full, computed from the scroll position so that none is seen empty.
 *
 * @param line height of each line, in rem.
 * @param room height of the list, in rem.
 */
function useLinesInSight(frame: RefObject<HTMLElement | null>, line: number, room: number): LinesInSight {
  const [steps, setSteps] = useState(0);
  useEffect(() => {
    const list = frame.current;
    if (list === null) return undefined;
    const changeView = (): void => setSteps(Math.floor(list.scrollTop / (STEP * pixels(line))));
    list.addEventListener('scroll', changeView, { passive: true });
    return () => list.removeEventListener('scroll', changeView);
  }, [frame, line]);
  return linesAt(steps, Math.ceil(room / line));
}

/**
 * The visible lines after a number of scroll steps. Before scrolling there are fewer spare lines, so that the list
 * opens sooner.
 *
 * @param fit number of lines that the list has room for.
 */
export const linesAt = (steps: number, fit: number): LinesInSight => ({
  from: Math.max(0, (steps - 1) * STEP),
  to: (steps === 0 ? 1 : steps + 2) * STEP + fit,
});

const pixels = (rem: number): number => rem * parseFloat(getComputedStyle(document.documentElement).fontSize);

interface RanksMapProps {
  rows: readonly TensorRow[];
  courses: LayerCourses;
  selected: { name: string; round: number } | null;
}

const HEATS: readonly { value: Heat; label: string }[] = [
  { value: 'added', label: 'Rank added' },
  { value: 'room', label: 'Room left' },
];

/** Height of a heat map line and of the whole map, in rem, as in the style sheet. */
const LINE = 1.625;
const ROOM = 46;

/** Layers × rounds: rank added, share of the dimension held, room left; share projected away, and leakage. */
export function RanksMap({ rows, courses, selected }: RanksMapProps) {
  const { changeView } = usePage();
  const order = usePageState(({ run, draft }) => run.settings?.order ?? draft.order);
  const steps = usePageState(({ run }) => run.stepsPerRound.reduce((sum, count) => sum + count, 0));
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set());
  const [heat, setHeat] = useState<Heat>('added');
  const stacks = useMemo(() => mapStacks(rows), [rows]);
  const folds = isFoldable(rows);
  const lines = useMemo(() => visibleLines(stacks, open, folds), [stacks, open, folds]);
  const all = useMemo(() => foldableKeys(stacks), [stacks]);
  const most = useMemo(
    () => rows.reduce((top, row) => row.rounds.reduce((max, space) => Math.max(max, space?.added ?? 0), top), 1),
    [rows],
  );
  const isHeat = isHeatMap(rows, order.length);
  const frame = useRef<HTMLDivElement>(null);
  const sight = useLinesInSight(frame, LINE, ROOM);
  const isSeen = selected !== null && lines.some(({ key }) => key === selected.name);
  // The cells have one tab stop; arrow keys move on from there.
  const stop = isSeen ? selected.name : lines.find(({ kind }, i) => kind === 'tensor' && i >= sight.from)?.key;
  const [toggle, choose] = useMemo(
    () => [
      (key: string): void =>
        setOpen((before) => {
          const after = new Set(before);
          if (!after.delete(key)) after.add(key);
          return after;
        }),
      (name: string, round: number): void => changeView({ selected: { name, round } }),
    ],
    [changeView],
  );
  return (
    <div>
      <div className={`row ${styles.tools}`}>
        {isHeat && <Segmented label="Colour by" options={HEATS} value={heat} onChange={setHeat} />}
        {folds && (
          <>
            <button
              type="button"
              className="act"
              data-testid="unfold-all"
              onClick={() => setOpen(new Set(open.size === all.length ? [] : all))}
            >
              {open.size === all.length ? 'Fold all' : 'Unfold all'}
            </button>
            {selected !== null && !isSeen && (
              <button
                type="button"
                className="act"
                onClick={() => {
                  flushSync(() => setOpen(new Set([...open, ...keysAbove(stacks, selected.name)])));
                  frame.current?.querySelector<HTMLElement>('[aria-selected=true]')?.focus();
                }}
              >
                Show the chosen tensor
              </button>
            )}
          </>
        )}
        <SaveTools
          file="ranks"
          title="Directions held, by layer and task"
          drawing={() => (
            <HeatFigure
              title={heat === 'added' ? 'Rank added' : 'Room left'}
              columns={order}
              rows={lines.map(({ name, kind, cells }) => ({
                name: kind === 'stack' ? name : `  ${name}`,
                cells: cells.map((cell) => cell && { share: heatShare(cell, heat, most), text: heatText(cell, heat) }),
              }))}
            />
          )}
          numbers={() => ({
            columns: ['layer', 'part', 'round', 'task', 'dimension', 'added', 'total', 'held before'],
            rows: rows.flatMap(({ name, part, rounds }) =>
              rounds.flatMap((space, i) =>
                space === undefined
                  ? []
                  : [[name, part, i + 1, order[i] ?? '', space.dimension, space.added, space.total, space.heldBefore]],
              ),
            ),
          })}
        />
      </div>
      <div
        ref={frame}
        className={`scroll ${styles.scroll}`}
        tabIndex={0}
        role="region"
        aria-label="Map of directions held"
      >
        <div
          role="grid"
          aria-label="Rank that each task added to each layer’s shared space, room left, share of the latest gradient projected away, and share of the update that leaked back in"
          className={styles.map}
          data-testid="ranks-map"
          data-drawn={isHeat ? 'heat' : 'wide'}
          data-heat={heat}
          data-folds={folds}
          style={{ '--rounds': order.length, '--letters': longestHead(stacks, folds) }}
          onKeyDown={moveFocus}
        >
          <div role="row" className={styles.head}>
            <div role="columnheader" className={styles.name}>
              Layer
            </div>
            {order.map((name, i) => (
              <div key={name} role="columnheader" className={styles.round} title={`Task ${i + 1}: ${name}`}>
                <span className={styles.roundNumber}>{i + 1}</span> <span className={styles.roundName}>{name}</span>
              </div>
            ))}
            <div role="columnheader" className={styles.number}>
              Room left
            </div>
            <div role="columnheader" aria-colspan={2} className={styles.away}>
              Projected away
            </div>
            <div role="columnheader" className={styles.number}>
              Leakage
            </div>
          </div>
          {lines.map((line, i) => (
            <MapRow
              key={line.key}
              line={line}
              order={order}
              most={most}
              isOpen={!folds || line.kind === 'tensor' ? null : open.has(line.key)}
              chosen={selected?.name === line.key ? selected.round : null}
              isStop={line.key === stop}
              course={line.kind === 'tensor' ? courses.get(line.key) : undefined}
              steps={steps}
              isNested={folds}
              isHeat={isHeat}
              isDrawn={!isHeat || (i >= sight.from && i < sight.to) || line.key === selected?.name}
              onToggle={toggle}
              onChoose={choose}
            />
          ))}
        </div>
      </div>
      {isHeat && (
        <p className={`muted tiny ${styles.scale}`}>
          {heat === 'added'
            ? `A stronger colour means more rank added, at most ${most}.`
            : 'A stronger colour means more room left, in percent of the dimension.'}{' '}
          {folds && 'Stacks and layers show the mean of their tensors.'}
        </p>
      )}
    </div>
  );
}

/** Moves between the visible tensor cells by {@link gridStep}. */
function moveFocus(event: KeyboardEvent<HTMLElement>): void {
  const from = event.target instanceof Element ? event.target.closest('[role=gridcell]') : null;
  const line = from?.parentElement;
  if (!line || !isChoosable(from)) return;
  const at = [...line.children].indexOf(from);
  const cells = [...line.children].filter(isChoosable);
  const column = [...event.currentTarget.children].map(({ children }) => children[at]).filter(isChoosable);
  const place = [column.indexOf(from), cells.indexOf(from)] as const;
  const next = gridStep(event.key, place, column.length, cells.length);
  if (next === null) return;
  event.preventDefault();
  (next[0] === place[0] ? cells[next[1]] : column[next[0]]).focus();
}

const isChoosable = (cell: Element | null | undefined): cell is HTMLButtonElement =>
  cell instanceof HTMLButtonElement && cell.role === 'gridcell';
