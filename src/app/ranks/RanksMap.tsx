import { type KeyboardEvent, useMemo, useState } from 'react';
import { SaveTools } from '../charts/SaveTools.tsx';
import { withDrawing } from '../charts/save-svg.ts';
import { HeatFigure } from '../charts/HeatFigure.tsx';
import { usePage, usePageState } from '../page-context.tsx';
import { Segmented } from '../ui/Segmented.tsx';
import { foldableKeys, keysAbove, mapStacks, MOST_UNFOLDED, visibleLines } from './map-lines.ts';
import { MapRow } from './MapRow.tsx';
import { type Heat, heatShare, heatText } from './map-heat.ts';
import { layerLines, type TensorRow } from './ranks.ts';
import styles from './RanksMap.module.css';

interface Props {
  rows: readonly TensorRow[];
  selected: { name: string; round: number } | null;
}

const HEATS: readonly { value: Heat; label: string }[] = [
  { value: 'added', label: 'Rank added' },
  { value: 'room', label: 'Room left' },
];

/** With more rounds than this a cell has room for one number. */
const MOST_WIDE = 6;

/** Layers × rounds: rank added, share of the dimension held, room left; what is taken from gradients and comes back. */
export function RanksMap({ rows, selected }: Props) {
  const { look } = usePage();
  const order = usePageState(({ run, draft }) => run.settings?.order ?? draft.order);
  const steps = usePageState(({ run }) => run.plan?.stepsPerRound.reduce((sum, count) => sum + count, 0) ?? 0);
  const samples = usePageState(({ run }) => run.layerSamples);
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set());
  const [heat, setHeat] = useState<Heat>('added');
  const health = useMemo(() => layerLines(samples), [samples]);
  const stacks = useMemo(() => mapStacks(rows), [rows]);
  const folds = rows.length > MOST_UNFOLDED;
  const lines = useMemo(() => visibleLines(stacks, open, folds), [stacks, open, folds]);
  const all = useMemo(() => foldableKeys(stacks), [stacks]);
  const most = useMemo(
    () => rows.reduce((top, row) => row.rounds.reduce((max, space) => Math.max(max, space?.added ?? 0), top), 1),
    [rows],
  );
  const isCompact = order.length > MOST_WIDE;
  const isSeen = selected !== null && lines.some(({ key }) => key === selected.name);
  // One stop for the Tab key among the cells; arrow keys lead on from there.
  const stop = isSeen ? selected.name : lines.find(({ kind }) => kind === 'tensor')?.key;
  const [toggle, choose] = useMemo(
    () => [
      (key: string): void =>
        setOpen((before) => {
          const after = new Set(before);
          if (!after.delete(key)) after.add(key);
          return after;
        }),
      (name: string, round: number): void => look({ selected: { name, round } }),
    ],
    [look],
  );
  return (
    <div>
      <div className={styles.tools}>
        <Segmented label="Colour by" options={HEATS} value={heat} onChange={setHeat} />
        {folds && (
          <>
            <button
              type="button"
              className={styles.fold}
              data-testid="unfold-all"
              onClick={() => setOpen(new Set(open.size === all.length ? [] : all))}
            >
              {open.size === all.length ? 'Fold all' : 'Unfold all'}
            </button>
            {selected !== null && !isSeen && (
              <button
                type="button"
                className={styles.fold}
                onClick={() => setOpen(new Set([...open, ...keysAbove(stacks, selected.name)]))}
              >
                Show the chosen tensor
              </button>
            )}
          </>
        )}
        <SaveTools
          file="ranks"
          title="Directions kept, by layer and task"
          draw={(take) =>
            withDrawing(
              <HeatFigure
                title={heat === 'added' ? 'Rank added' : 'Room left'}
                columns={order}
                rows={lines.map(({ name, kind, cells }) => ({
                  name: kind === 'stack' ? name : `  ${name}`,
                  cells: cells.map(
                    (cell) => cell && { share: heatShare(cell, heat, most), text: heatText(cell, heat) },
                  ),
                }))}
              />,
              take,
            )
          }
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
      <div className={styles.scroll} tabIndex={0} role="region" aria-label="Map of directions kept">
        <table className={styles.map} data-testid="ranks-map" data-compact={isCompact} onKeyDown={moveFocus}>
          <caption className="hidden-visually">
            Rank that each task added to the shared space of each layer, the room left, the share of the latest gradient
            that was projected away, and the share of the update that leaked back in.
          </caption>
          <thead>
            <tr>
              <th scope="col">Layer</th>
              {order.map((name, i) => (
                <th key={name} scope="col" className={styles.roundHead} title={`Task ${i + 1}: ${name}`}>
                  <span className={styles.roundNumber}>{i + 1}</span> <span className={styles.roundName}>{name}</span>
                </th>
              ))}
              <th scope="col" className={styles.number}>
                Room left
              </th>
              <th scope="col" colSpan={2} className={styles.away}>
                Projected away
              </th>
              <th scope="col" className={styles.number}>
                Leakage
              </th>
            </tr>
          </thead>
          <tbody>
            {lines.map((line) => (
              <MapRow
                key={line.key}
                line={line}
                order={order}
                heat={heat}
                most={most}
                isOpen={!folds || line.kind === 'tensor' ? null : open.has(line.key)}
                chosen={selected?.name === line.key ? selected.round : null}
                isStop={line.key === stop}
                health={line.kind === 'tensor' ? health.get(line.key) : undefined}
                steps={steps}
                isNested={folds}
                onToggle={toggle}
                onChoose={choose}
              />
            ))}
          </tbody>
        </table>
      </div>
      {isCompact && (
        <p className={styles.scale}>
          {heat === 'added'
            ? `The stronger the colour, the more rank a task added, ${most} at most.`
            : 'The stronger the colour, the more room is left, in percent of the dimension.'}{' '}
          {folds && 'A line that can be unfolded shows the mean of its tensors.'}
        </p>
      )}
    </div>
  );
}

/** Arrow keys lead from cell to cell of the tensors that are seen. */
function moveFocus(event: KeyboardEvent<HTMLTableElement>): void {
  const from = event.target instanceof Element ? event.target.closest('td') : null;
  const line = from?.parentElement;
  if (!from || !line) return;
  const sideways = { ArrowLeft: 'previousElementSibling', ArrowRight: 'nextElementSibling' } as const;
  let target: Element | null | undefined;
  if (event.key === 'ArrowLeft' || event.key === 'ArrowRight') target = from[sideways[event.key]];
  else if (event.key === 'ArrowUp' || event.key === 'ArrowDown') {
    const at = [...line.children].indexOf(from);
    const step = event.key === 'ArrowUp' ? 'previousElementSibling' : 'nextElementSibling';
    let other = line[step];
    while (other !== null && !(target = other.children[at])?.querySelector('button')) other = other[step];
  } else return;
  const button = target?.querySelector('button');
  if (!button) return;
  event.preventDefault();
  button.focus();
}
