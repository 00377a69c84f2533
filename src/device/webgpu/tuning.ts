import { GorpError } from '../../base/errors.ts';
import type { AttentionForm } from '../attention-shape.ts';
import {
  ATTENTION_VARIANTS,
  type AttentionClass,
  attentionClassOf,
  type AttentionVariant,
  attentionVariantsOf,
  nameOfClass,
} from './kernels/attention.ts';
import type { MatmulShape } from '../matmul-shape.ts';
import type { AdapterTraits } from './adapter-traits.ts';
import {
  MATMUL_VARIANTS,
  type MatmulVariant,
  shapeClass,
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

/** Measures in the background what a {@link Tuning} lacks. */
export interface Measurer {
  /** Called when there is something to measure. */
  wake(): void;
  /** Measures everything now, without waiting for an idle moment. Resolves when nothing is left to measure. */
  finish(): Promise<void>;
  /** Stops; resolves when its memory on the device is free. */
  stop(): Promise<void>;
}

/**
 * Chooses among kernels that compute the same. Callers get a kernel at once, a safe one if nothing has been measured;
 * those who {@link follow} are notified of better ones later. A choice never changes, since kernels round differently:
 * once everything is measured, repeating a run gives the same losses from its first step to its last.
 */
export class Tuning implements AdapterTraits {
  readonly #attention = new Map<string, AttentionVariant>();
  readonly #matmul = new Map<string, MatmulVariant>();
  readonly #wanted = new Map<string, Wanted>();
  readonly #followers = new Set<() => Promise<void>>();
  readonly #switching = new Set<Promise<void>>();
  /** Classes that could not be measured. */
  readonly #givenUp = new Set<string>();
  readonly #wrong = new Set<string>();
  #wrongSafe: string | undefined;
  /** Whether the run allows operands of products to be rounded to 16-bit floats. Requires `shader-f16`. */
  halves = false;
  #version = 0;
  #measurer: Measurer | undefined;

  /** The kernel of attention that programs begin with. */
  readonly safeAttention: AttentionVariant;

  /**
   * @param lanes threads of each of the device's subgroups, if all have the same number.
   * @param isSoftware whether the device computes on the CPU.
   */
  constructor(
    readonly lanes?: number,
    readonly isSoftware = true,
  ) {
    [this.safeAttention] = attentionVariantsOf(isSoftware);
  }

  /** The kernel for a product; {@link startVariant} until measured. */
  variantOf(shape: MatmulShape): MatmulVariant {
    const name = shapeClass(shape, this);
    if (name === undefined) return startVariant(shape, this);
    const chosen = this.#matmul.get(name);
    // This device may be unable to run a stored choice.
    if (chosen !== undefined && variantsOf(shape, this).includes(chosen)) return chosen;
    this.#want(name, { of: 'matmul', shapeClass: name, shape });
    return startVariant(shape, this);
  }

  /** The kernel of an attention or of one of its gradients; {@link safeAttention} until measured. */
  attentionOf(form: AttentionForm, d: number): AttentionVariant {
    const measured = attentionClassOf(form, d, this.isSoftware);
    const shapeClass = nameOfClass(measured);
    const chosen = this.#attention.get(shapeClass);
    if (chosen === undefined) this.#want(shapeClass, { of: 'attention', shapeClass, ...measured });
    return chosen ?? this.safeAttention;
  }

  /** @param shapeClass from {@link nameOfClass}. */
  chooseAttention(shapeClass: string, variant: AttentionVariant): void {
    this.#choose(this.#attention, shapeClass, variant, this.safeAttention);
  }

  choose(shapeClass: string, variant: MatmulVariant): void {
    const wanted = this.#wanted.get(shapeClass);
    const start = wanted?.of === 'matmul' ? startVariant(wanted.shape, this) : undefined;
    this.#choose(this.#matmul, shapeClass, variant, start);
  }

  #choose<Name>(choices: Map<string, Name>, shapeClass: string, variant: Name, start: Name | undefined): void {
    const before = choices.get(shapeClass) ?? start;
    choices.set(shapeClass, variant);
    this.#wanted.delete(shapeClass);
    if (variant !== before) this.#changed();
  }

  #want(name: string, wanted: Wanted): void {
    if (this.#measurer === undefined || this.#wanted.has(name) || this.#givenUp.has(name)) return;
    this.#wanted.set(name, wanted);
    this.#measurer.wake();
  }

  /** The earliest request still to be measured. */
  get wanted(): Wanted | undefined {
    return this.#wanted.values().next().value;
  }

  /** Abandons a request: the safe kernel stays, and the next start measures again. */
  giveUp({ shapeClass }: Wanted): void {
    this.#wanted.delete(shapeClass);
    this.#givenUp.add(shapeClass);
  }

  /** Excludes a kernel that gives wrong results on this device. @param isSafe whether programs have started with it. */
  leaveOut(kernel: string, isSafe: boolean): void {
    this.#wrong.add(kernel);
    if (isSafe) this.#wrongSafe ??= kernel;
  }

  /** A kernel that programs have started with and that gave wrong results: what they computed cannot be used. */
  get wrongSafe(): string | undefined {
    return this.#wrongSafe;
  }

  /** Kernels that gave wrong results: the driver compiles them wrongly. */
  get wrong(): readonly string[] {
    return [...this.#wrong];
  }

  /** How often the choices have changed so far. */
  get version(): number {
    return this.#version;
  }

  /**
   * Reports every change of the choices.
   *
   * @param since a {@link version}; reports at once if anything has changed since.
   * @param update adopts the current choices; must not reject.
   * @returns a function that stops the reports.
   */
  follow(since: number, update: () => Promise<void>): () => void {
    this.#followers.add(update);
    if (since !== this.#version) this.#track(update());
    return () => this.#followers.delete(update);
  }

  #changed(): void {
    this.#version++;
    for (const update of this.#followers) this.#track(update());
  }

  #track(switching: Promise<void>): void {
    this.#switching.add(switching);
    void switching.finally(() => this.#switching.delete(switching));
  }

  /** From now on, requests that are not measured go to this measurer. */
  measureWith(measurer: Measurer): void {
    this.#measurer = measurer;
  }

  get isMeasuring(): boolean {
    return this.#measurer !== undefined;
  }

  /** Resolves when all requests have been measured and followers have adopted the choices. */
  async settled(): Promise<void> {
    await this.#measurer?.finish();
    await Promise.all(this.#switching);
  }

  /** Stops measuring for good; resolves when its memory on the device is free. */
  async stop(): Promise<void> {
    this.#followers.clear();
    await this.#measurer?.stop();
  }

  /** Uses what was measured at an earlier start. */
  adopt({ attention, matmul }: KernelChoices): void {
    for (const [name, variant] of Object.entries(attention)) this.chooseAttention(name, variant);
    for (const [name, variant] of Object.entries(matmul)) this.choose(name, variant);
  }

  /** What was measured. */
  get choices(): KernelChoices {
    return {
      attention: Object.fromEntries(this.#attention),
      matmul: Object.fromEntries(this.#matmul),
    };
  }
}

/** The error that ends a run that has used wrong kernels. */
export const wrongResults = (kernels: string): GorpError =>
  new GorpError(
    'device/wrong-results',
    `The graphics driver compiles kernels wrongly, which gave wrong results: ${kernels}.`,
    'Start again with other kernels. If it happens again, update the driver or the browser, or train on the CPU.',
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
