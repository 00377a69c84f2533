import type { AttentionRows } from './kernels/attention.ts';
import type { MatmulShape } from './kernels/matmul.ts';
import { MATMUL_VARIANTS, type MatmulVariant, SAFE_VARIANT, shapeClass } from './kernels/matmul-variants.ts';

/** What was measured about a device, as it is kept: kernels by shape class. */
export interface Choices {
  readonly attentionRows: AttentionRows;
  readonly matmul: Readonly<Record<string, MatmulVariant>>;
}

/** Chooses the quickest kernels for products, by shape class. */
export type Measure = (shapes: ReadonlyMap<string, MatmulShape>) => Promise<void>;

/**
 * Which of several kernels that compute the same a device uses. A choice, once made, stays: other kernels round
 * differently, and a run has to give the same losses from its first step to its last, and, where everything has been
 * measured, when it is started again.
 */
export class Tuning {
  attentionRows: AttentionRows = 1;
  #matmul = new Map<string, MatmulVariant>();
  #unknown = new Map<string, MatmulShape>();
  /** Classes that have to do without a measurement until the next start. */
  readonly #unmeasured = new Set<string>();
  #measure: Measure | undefined;

  /** @param lanes threads of a subgroup, where the device has subgroups of one size. */
  constructor(readonly lanes?: number) {}

  /** The kernel of a product; {@link SAFE_VARIANT} where nothing was measured. */
  variantOf(shape: MatmulShape): MatmulVariant {
    const name = shapeClass(shape);
    if (name === undefined) return SAFE_VARIANT;
    const chosen = this.#matmul.get(name);
    if (chosen === undefined && this.#measure) this.#unknown.set(name, shape);
    return chosen ?? SAFE_VARIANT;
  }

  choose(shapeClass: string, variant: MatmulVariant): void {
    this.#matmul.set(shapeClass, variant);
  }

  /** Uses {@link SAFE_VARIANT} for a class from here on, and leaves it to be measured at the next start. */
  postpone(shapeClass: string): void {
    this.#unmeasured.add(shapeClass);
    this.choose(shapeClass, SAFE_VARIANT);
  }

  /** From now on {@link settle} measures the classes that were asked for and are unknown. */
  measureWith(measure: Measure): void {
    this.#measure = measure;
  }

  get isMeasuring(): boolean {
    return this.#measure !== undefined;
  }

  /** Measures what has been asked for in vain. @returns whether there was anything: choices may differ now. */
  async settle(): Promise<boolean> {
    if (this.#unknown.size === 0 || this.#measure === undefined) return false;
    const unknown = this.#unknown;
    this.#unknown = new Map();
    await this.#measure(unknown);
    return true;
  }

  /** What was measured. */
  get choices(): Choices {
    const measured = [...this.#matmul].filter(([name]) => !this.#unmeasured.has(name));
    return { attentionRows: this.attentionRows, matmul: Object.fromEntries(measured) };
  }
}

/** Choices from outside, if they are such as this version makes. */
export function readChoices(value: unknown): Choices | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { attentionRows, matmul } = value as Partial<Record<keyof Choices, unknown>>;
  if (attentionRows !== 1 && attentionRows !== 4) return undefined;
  if (typeof matmul !== 'object' || matmul === null) return undefined;
  const isVariant = (variant: unknown): variant is MatmulVariant => MATMUL_VARIANTS.some((known) => known === variant);
  const entries = Object.entries(matmul);
  if (!entries.every((entry): entry is [string, MatmulVariant] => isVariant(entry[1]))) return undefined;
  return { attentionRows, matmul: Object.fromEntries(entries) };
}
