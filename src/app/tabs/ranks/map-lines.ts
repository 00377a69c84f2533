import { groupedBy } from '../../../base/statistics.ts';
import { whole } from '../../ui/format.ts';
import { meanOf } from '../../state/scores.ts';
import { inWords, shortName, type TensorRow } from './ranks.ts';

/** With more tensors than this, the map starts folded. */
const MOST_UNFOLDED = 32;

/** With more rounds than this, a cell has room for only one number. */
const MOST_WIDE = 6;

/** Whether the map can be folded. */
export const isFoldable = (rows: readonly TensorRow[]): boolean => rows.length > MOST_UNFOLDED;

/** Whether colours show the values; otherwise a cell has room for two numbers and a bar. */
export const isHeatMap = (rows: readonly TensorRow[], rounds: number): boolean =>
  isFoldable(rows) || rounds > MOST_WIDE;

/** The value of a line of the map in a round. */
export interface MapCell {
  /** Rank that the round added, mean over the tensors of the line. */
  readonly added: number;
  /** Directions held after it, mean over the tensors. */
  readonly total: number;
  /** Share of the dimensions left, mean over the tensors. */
  readonly room: number;
}

/** A line of the map: a stack, a layer of it or a single tensor. */
export interface MapLine {
  readonly key: string;
  readonly kind: 'stack' | 'layer' | 'tensor';
  readonly name: string;
  readonly part: TensorRow['part'];
  /** The tensors it covers. */
  readonly rows: readonly TensorRow[];
  /** By round, from 1; null for rounds not yet ended. */
  readonly cells: readonly (MapCell | null)[];
}

/** A stack with its layers, each with its tensors. */
interface MapStack {
  readonly line: MapLine;
  readonly layers: readonly { readonly line: MapLine; readonly tensors: readonly MapLine[] }[];
}

const NAME = /^(?:(encoder|decoder)\.block\.(\d+)\.layer\.\d+|(?:model\.)?layers\.(\d+))\.(.+)\.[^.]+$/;

/** `encoder.block.3.layer.0.SelfAttention.q` → stack `encoder self-attention`, layer 3. Other names are stacks of one layer. */
function placeOf(name: string): { stack: string; layer: string } {
  const match = NAME.exec(name);
  if (match === null) return { stack: shortName(name), layer: '' };
  const [, side, block, layer, module] = match;
  return { stack: [side, inWords(module)].filter(Boolean).join(' '), layer: block ?? layer };
}

/** The tensors of a run by part, stack and layer, in the order in which they first occur. */
export function mapStacks(rows: readonly TensorRow[]): MapStack[] {
  const stacks = [...groupedBy(rows, (row) => `${row.part} ${placeOf(row.name).stack}`)];
  return stacks.map(([key, ofStack]): MapStack => {
    const { stack } = placeOf(ofStack[0].name);
    const layers = [...groupedBy(ofStack, (row) => placeOf(row.name).layer)];
    return {
      line: lineOf(key, 'stack', stack, ofStack),
      layers: layers.map(([layer, ofLayer]) => ({
        line: lineOf(`${key} ${layer}`, 'layer', `Layer ${layer}`, ofLayer),
        tensors: ofLayer.map((row) => lineOf(row.name, 'tensor', shortName(row.name), [row])),
      })),
    };
  });
}

/**
 * The visible lines.
 *
 * @param open keys of the unfolded stacks and layers.
 * @param folds whether the map folds; if not, every tensor is listed under its stack.
 */
export function visibleLines(stacks: readonly MapStack[], open: ReadonlySet<string>, folds: boolean): MapLine[] {
  return stacks.flatMap(({ line, layers }) => {
    if (!folds) return [line, ...layers.flatMap(({ tensors }) => tensors)];
    if (!open.has(line.key)) return [line];
    return [
      line,
      ...layers.flatMap((layer) => (open.has(layer.line.key) ? [layer.line, ...layer.tensors] : [layer.line])),
    ];
  });
}

/** The tensors trained in a part, in words; the last letter is the mark of the part. */
export const PARTS: Readonly<Record<MapLine['part'], string>> = {
  lora: 'adapters, A',
  'full-rank': 'full-rank weights, W',
};

/**
 * The heading of a line; for a stack, with the mark of its part.
 *
 * @param isNested whether the line is listed under its stack and layer, so that it need not repeat their names.
 */
export function headOf({ kind, name, part }: MapLine, isNested: boolean): { name: string; mark: string } {
  if (kind === 'stack') return { name, mark: isNested ? PARTS[part].slice(-1) : PARTS[part] };
  return { name: kind === 'tensor' && isNested ? (name.split(/[. ]/).at(-1) ?? name) : name, mark: '' };
}

/** Length of the longest heading of a line with cells, in letters. It determines the column layout of all lines. */
export function longestHead(stacks: readonly MapStack[], folds: boolean): number {
  const tensors = stacks.flatMap(({ layers }) => layers.flatMap((layer) => layer.tensors));
  const lines = folds ? stacks.map(({ line }) => line) : tensors;
  return lines.reduce((most, line) => {
    const { name, mark } = headOf(line, folds);
    return Math.max(most, folds ? `${name} ${mark} ${line.rows.length}`.length : name.length);
  }, 0);
}

/** Keys of all foldable lines. */
export const foldableKeys = (stacks: readonly MapStack[]): string[] =>
  stacks.flatMap(({ line, layers }) => [line.key, ...layers.map((layer) => layer.line.key)]);

/** Keys of the stack and the layer that contain a tensor. */
export function keysAbove(stacks: readonly MapStack[], name: string): string[] {
  for (const { line, layers } of stacks) {
    const layer = layers.find(({ tensors }) => tensors.some(({ key }) => key === name));
    if (layer !== undefined) return [line.key, layer.line.key];
  }
  return [];
}

function lineOf(key: string, kind: MapLine['kind'], name: string, rows: readonly TensorRow[]): MapLine {
  const cells = rows[0].rounds.map((_, i): MapCell | null => {
    const spaces = rows.map((row) => row.rounds[i]).filter((space) => space !== undefined);
    if (spaces.length === 0) return null;
    return {
      added: meanOf(spaces.map(({ added }) => added)) ?? 0,
      total: meanOf(spaces.map(({ total }) => total)) ?? 0,
      room: meanOf(spaces.map(({ total, dimension }) => 1 - total / dimension)) ?? 0,
    };
  });
  return { key, kind, name, part: rows[0].part, rows, cells };
}

/** The meaning of a cell's colour. */
export type Heat = 'added' | 'room';

/** Strength of a cell's colour, in [0, 1]. @param most highest rank that any round added to any tensor. */
export const heatShare = ({ added, room }: MapCell, heat: Heat, most: number): number =>
  heat === 'added' ? added / most : Math.max(0, room);

/** The number in a heat map cell: the rank added, or the room left in percent. */
export const heatText = ({ added, room }: MapCell, heat: Heat): string =>
  heat === 'added' ? whole(added) : whole(100 * room);
