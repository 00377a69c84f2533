import inputsTemplate from '../../../../shaders/attention-inputs.wgsl?raw';
import rowsTemplate from '../../../../shaders/attention-rows.wgsl?raw';
import tiledTemplate from '../../../../shaders/attention-tiled.wgsl?raw';
import type { AttentionForm, AttentionPlan, AttentionShape } from '../../kernel-planner.ts';
import { f32, type Param, u32 } from '../../kernel.ts';
import { fillTemplate } from '../../template.ts';

/** The text that the kernels of attention begin with: bindings, and which keys a query sees. */
function attentionInputs(form: AttentionForm, shape: AttentionShape): string {
  const optional = form === 'GRAD_KV' ? 8 : 7; // the first binding after those that are always there
  const hasBias = shape.distances > 0;
  return fillTemplate(inputsTemplate, {
    FORWARD: form === 'FORWARD',
    GRAD_KV: form === 'GRAD_KV',
    BIAS: hasBias,
    POSITION: shape.position,
    CAUSAL: shape.causal,
    WINDOW: shape.window !== null,
    BIAS_BINDING: optional,
    POSITION_BINDING: optional + (hasBias ? 1 : 0),
    SCALAR: shape.d % 4 !== 0,
    T: shape.d % 4 === 0 ? 'vec4f' : 'f32',
  });
}

/** Returns the `Params` of these kernels. @param parts into which a tiled kernel divides its columns. */
function attentionParams({ N, M, H, Hk, d, scale, window, spans, distances }: AttentionShape, parts = 1): Param[] {
  return [
    ...[N, M, H, Hk].map(u32),
    f32(scale),
    ...[window ?? 0, parts, spans, distances, d % 4 === 0 ? d / 4 : d, Math.ceil(d / 4)].map(u32),
  ];
}

/** Columns of a tile, and floats of a head that it takes at once. */
const COLUMNS = 32;
/** Rows of eight threads side by side. */
const LINES = 8;
/** Vectors of four floats of each kind of sum that a thread may hold in registers. */
const MAX_SUMS = 8;

/** Tensors, as numbered in the shader. */
const [QUERY, KEY, VALUE] = [0, 1, 3];

/** Fewer workgroups leave a large card idle; parts make them as many as this. */
const FEW_GROUPS = 128;
const ENOUGH_GROUPS = 512;
/** Tiles that are worth being divided, and those of a part: each part costs a result. */
const MANY_TILES = 8;
const LEAST_TILES = 2;

/** How a kernel divides its work: rows for each thread, workgroups, and tiles that each goes through. */
function gridOf(form: AttentionForm, { N, M, H, Hk, d, spans }: AttentionShape) {
  const queries = (N * H) / Hk; // of a key head
  const hasKeyRows = form === 'GRAD_KV';
  const [rows, columns] = hasKeyRows ? [M, queries] : [queries, M];
  const chunks = Math.ceil(d / COLUMNS);
  const groupsOf = (lines: number): number => Math.ceil(rows / (lines * LINES)) * Hk;
  // Fewer rows where there are few, for large heads, whose sums would not fit into registers, and where few key heads
  // would leave a card idle.
  const fits = (lines: number): boolean => chunks * lines <= MAX_SUMS && rows > (lines / 2) * LINES;
  const R = [4, 2].find((lines) => fits(lines) && (!hasKeyRows || groupsOf(lines) >= FEW_GROUPS)) ?? 1;
  const groups = [Math.ceil(rows / (R * LINES)), Hk] as const;
  // Spans count as equally long.
  const tiles = Math.ceil(columns / COLUMNS / Math.max(1, spans));
  return { R, chunks, hasKeyRows, groups, tiles };
}

/**
 * Parts of the keys for FORWARD, of the queries for GRAD_KV, that have workgroups of their own: several where there would
 * be few workgroups, as in decoding or with few key heads.
 */
export function partsOfAttention(form: AttentionForm, shape: AttentionShape): number {
  const { groups, tiles } = gridOf(form, shape);
  const count = groups.reduce((product, size) => product * size, 1);
  if (form === 'GRAD_Q' || count === 0 || count >= FEW_GROUPS || tiles < MANY_TILES) return 1;
  return Math.min(Math.ceil(ENOUGH_GROUPS / count), Math.floor(tiles / LEAST_TILES));
}

/** Attention through workgroup memory, in tiles of up to 32 queries and 32 keys. */
function planTiledAttention(form: AttentionForm, shape: AttentionShape): AttentionPlan {
  const { H, Hk, d } = shape;
  const { R, chunks, hasKeyRows, groups } = gridOf(form, shape);
  const parts = partsOfAttention(form, shape);
  const [G, E4, rows] = [H / Hk, Math.ceil(d / 4), R * LINES];
  const [row, column] = hasKeyRows ? [KEY, QUERY] : [QUERY, KEY];
  return {
    kernel: {
      name: `attention/${form.toLowerCase()}-${d}×${G}-tile-${R}`,
      wgsl: () =>
        attentionInputs(form, shape) +
        fillTemplate(tiledTemplate, {
          FORWARD: form === 'FORWARD',
          GRAD_Q: form === 'GRAD_Q',
          GRAD_KV: hasKeyRows,
          CAUSAL: shape.causal,
          WINDOW: shape.window !== null,
          SCALAR: d % 4 !== 0,
          T: d % 4 === 0 ? 'vec4f' : 'f32',
          E: d % 4 === 0 ? E4 : d,
          E4,
          G,
          R,
          ROWS: rows,
          LAST: rows - 1,
          W: Math.min(E4, COLUMNS / 4),
          CHUNKS: chunks,
          PRODUCTS: form === 'FORWARD' ? 1 : 2,
          SUMS: hasKeyRows ? 2 : 1,
          ROW: row,
          COLUMN: column,
          VECTORS: hasKeyRows ? 'p.M * p.Hk' : 'p.N * p.H',
          SUMMED: { FORWARD: VALUE, GRAD_Q: KEY, GRAD_KV: QUERY }[form],
        }),
    },
    params: attentionParams(shape, parts),
    workgroups: [groups[0], groups[1], parts],
    parts,
  };
}

/**
 * Kernels that compute the same attention.
 *
 * - On graphics cards: `tiles` in workgroup memory (`shaders/attention-tiled.wgsl`), or `rolled` where that is measured to
 *   be faster or the driver compiles tiles wrongly.
 * - On software adapters, whose compilers take long for tiles: `rolled`, loops over the size of a head
 *   (`shaders/attention-rows.wgsl`).
 */
export const ATTENTION_VARIANTS = ['tiles', 'rolled'] as const;
export type AttentionVariant = (typeof ATTENTION_VARIANTS)[number];
/** The kernels that an adapter chooses from, the first one first. */
export const attentionVariantsOf = (isSoftware: boolean): readonly AttentionVariant[] =>
  isSoftware ? ['rolled'] : ATTENTION_VARIANTS;

/** Attentions that share one measurement. */
export interface AttentionClass {
  readonly form: AttentionForm;
  readonly d: number;
}

export const nameOfClass = ({ form, d }: AttentionClass): string => `${form} ${d}`;

/** The kernel of an attention or of one of its gradients; the order of bindings is in `shaders/attention-inputs.wgsl`. */
export function planAttention(form: AttentionForm, shape: AttentionShape, variant: AttentionVariant): AttentionPlan {
  if (variant === 'tiles') return planTiledAttention(form, shape);
  const { N, M, H, Hk, d } = shape;
  const vec = d % 4 === 0;
  const [rows, heads] = form === 'GRAD_KV' ? [M, Hk] : [N, H];
  const wg = rows <= 4 ? 4 : rows <= 16 ? 16 : 32;
  return {
    kernel: {
      name: `attention/${form.toLowerCase()}-${d}×${variant}`,
      wgsl: () =>
        attentionInputs(form, shape) +
        fillTemplate(rowsTemplate, {
          FORWARD: form === 'FORWARD',
          GRAD_KV: form === 'GRAD_KV',
          T: vec ? 'vec4f' : 'f32',
          DOT: vec ? 'dot' : 'product',
          WG: wg,
          SIZE: vec ? d / 4 : d,
        }),
    },
    params: attentionParams(shape),
    workgroups: [Math.ceil(rows / wg), heads, 1],
    parts: 1,
  };
}
