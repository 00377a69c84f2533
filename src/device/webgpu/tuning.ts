import { GorpError } from '../../base/errors.ts';
import type { AttentionForm } from '../kernel-planner.ts';
import {
  ATTENTION_VARIANTS,
  type AttentionClass,
  type AttentionVariant,
  attentionVariantsOf,
  nameOfClass,
} from './kernels/attention.ts';
import type { MatmulShape } from '../matmul-shape.ts';
import type { AdapterTraits } from './kernels/product-shader.ts';
import {
  MATMUL_VARIANTS,
  type MatmulVariant,
  shapeClassOf,
  startVariant,
  variantsOf,
} from './kernels/matmul-variants.ts';

/** Stored measurements of a device. */
export interface KernelChoices {
  /** Kernels by {@link nameOfClass}. */
  readonly attention: Readonly<Record<string, AttentionVariant>>;
  /** Kernels by shape class. */
  readonly matmul: Readonly<Record<string, MatmulVariant>>;
}

/** A choice that a program needs and that has not been measured. */
export type Wanted =
  | ({ readonly of: 'attention'; readonly shapeClass: string } & AttentionClass)
  | {
      readonly of: 'matmul';
      readonly shapeClass: string;
      /** The first requested product of the class. */
      readonly shape: MatmulShape;
    };

/**
 * Chooses among kernels that compute the same. A card chooses what {@link Tuner} has measured; a software adapter has one
 * kernel for each class. A choice never changes, since kernels round differently: repeating a run gives the same losses.
 */
export class Tuning implements AdapterTraits {
  readonly #attention = new Map<string, AttentionVariant>();
  readonly #matmul = new Map<string, MatmulVariant>();
  readonly #wanted = new Map<string, Wanted>();
  /** Classes that could not be measured. */
  readonly #givenUp = new Set<string>();
  readonly #wrong = new Set<string>();
  /** Whether the run allows operands of products to be rounded to 16-bit floats. Requires `shader-f16`. */
  halves = false;

  /** @param isSoftware whether the device computes on the CPU. */
  constructor(readonly isSoftware = true) {}

  /** The kernel for a product; {@link startVariant} until measured. */
  variantOf(shape: MatmulShape): MatmulVariant {
    const shapeClass = shapeClassOf(shape, this);
    if (shapeClass === undefined) return startVariant(shape, this);
    const chosen = this.#matmul.get(shapeClass);
    // This device may be unable to run a stored choice.
    if (chosen !== undefined && variantsOf(shape, this).includes(chosen)) return chosen;
    this.#want({ of: 'matmul', shapeClass, shape });
    return startVariant(shape, this);
  }

  /** The kernel of an attention or of one of its gradients; the first one until measured. */
  attentionOf(form: AttentionForm, d: number): AttentionVariant {
    const [start] = attentionVariantsOf(this.isSoftware);
    if (this.isSoftware) return start;
    const shapeClass = nameOfClass({ form, d });
    const chosen = this.#attention.get(shapeClass);
    if (chosen === undefined) this.#want({ of: 'attention', shapeClass, form, d });
    return chosen ?? start;
  }

  /** @param shapeClass from {@link nameOfClass}. */
  chooseAttention(shapeClass: string, variant: AttentionVariant): void {
    this.#attention.set(shapeClass, variant);
    this.#wanted.delete(shapeClass);
  }

  /** @param shapeClass from {@link shapeClassOf}. */
  choose(shapeClass: string, variant: MatmulVariant): void {
    this.#matmul.set(shapeClass, variant);
    this.#wanted.delete(shapeClass);
  }

  #want(wanted: Wanted): void {
    if (!this.#givenUp.has(wanted.shapeClass) && !this.#wanted.has(wanted.shapeClass)) {
      this.#wanted.set(wanted.shapeClass, wanted);
    }
  }

  /** The shapes that programs asked for and that are not measured, the earliest request first. */
  get wanted(): readonly Wanted[] {
    return [...this.#wanted.values()];
  }

  /** Excludes a kernel that gives wrong results on this device. */
  leaveOut(kernel: string): void {
    this.#wrong.add(kernel);
  }

  /** Kernels that gave wrong results: the driver compiles them wrongly. */
  get wrong(): readonly string[] {
    return [...this.#wrong];
  }

  /** Abandons a request: the first kernel stays, and the next start measures again. */
  giveUp({ shapeClass }: Wanted): void {
    this.#wanted.delete(shapeClass);
    this.#givenUp.add(shapeClass);
  }

  /** Uses what was measured at an earlier start. */
  adopt({ attention, matmul }: KernelChoices): void {
    for (const [name, variant] of Object.entries(attention)) this.chooseAttention(name, variant);
    for (const [name, variant] of Object.entries(matmul)) this.choose(name, variant);
  }

  /** The measured choices. */
  get choices(): KernelChoices {
    return {
      attention: Object.fromEntries(this.#attention),
      matmul: Object.fromEntries(this.#matmul),
    };
  }
}

/** The error where every kernel of a class is compiled wrongly. */
export const wrongResults = (kernels: string): GorpError =>
  new GorpError(
    'device/wrong-results',
    `The graphics driver compiles kernels wrongly, which gives wrong results: ${kernels}.`,
    'Update the driver or the browser, or train on the CPU.',
  );

/** Validates stored choices; undefined if this version could not have made them. */
export function readKernelChoices(value: unknown): KernelChoices | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { attention, matmul } = value as Partial<Record<keyof KernelChoices, unknown>>;
  if (!areChoices(ATTENTION_VARIANTS, attention) || !areChoices(MATMUL_VARIANTS, matmul)) return undefined;
  return { attention, matmul };
}

const areChoices = <Name>(names: readonly Name[], value: unknown): value is Readonly<Record<string, Name>> =>
  typeof value === 'object' && value !== null && Object.values(value).every((chosen) => isOneOf(names, chosen));

const isOneOf = <Name>(names: readonly Name[], value: unknown): value is Name => names.some((name) => name === value);
