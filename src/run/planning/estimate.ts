/** Kinds of work that cost differently for each planned operation. */
const WORK_KINDS = ['test', 'ask', 'text', 'begin', 'train', 'validate', 'end', 'save'] as const;
export type WorkKind = (typeof WORK_KINDS)[number];

/** Planned operations by kind; bytes to be written of `save`. */
export type Amounts = Readonly<Record<WorkKind, number>>;

/** Seconds that a saved byte takes until one has been saved. */
const SECONDS_PER_BYTE = 1 / 150e6;

/** Estimates the time left from planned operations and what each kind of them has taken so far. */
export class TimeEstimate {
  readonly #left: Record<WorkKind, number>;
  /** Seconds for each operation, with more weight on recent ones. */
  readonly #paces = new Map<WorkKind, number>();
  /** Operations and seconds so far of all kinds but `save`. */
  #operations = 0;
  #seconds = 0;
  /** Share of the time that checkpoints take. */
  #pauses = 0;

  /** @param left of the whole run. */
  constructor(left: Amounts) {
    this.#left = { ...left };
  }

  /** Counts work that was done. @param amount planned for it. */
  did(kind: WorkKind, amount: number, seconds: number): void {
    this.dropped(kind, amount);
    if (amount <= 0) return;
    this.#paces.set(kind, blend(this.#paces.get(kind), seconds / amount));
    if (kind === 'save') return;
    this.#operations += amount;
    this.#seconds += seconds;
  }

  /** Counts planned work that will not be done. */
  dropped(kind: WorkKind, amount: number): void {
    this.#left[kind] = Math.max(0, this.#left[kind] - amount);
  }

  /** @param share of the time, from 0 to 1, that checkpoints will take. */
  pauses(share: number): void {
    this.#pauses = share;
  }

  /** Null until some work has been seen; a kind not seen yet is assumed to be as fast as the others. */
  get secondsLeft(): number | null {
    if (WORK_KINDS.every((kind) => this.#left[kind] === 0)) return 0;
    if (this.#operations === 0) return null;
    const usual = this.#seconds / this.#operations;
    const paceOf = (kind: WorkKind): number => this.#paces.get(kind) ?? (kind === 'save' ? SECONDS_PER_BYTE : usual);
    const working = WORK_KINDS.reduce((sum, kind) => sum + this.#left[kind] * paceOf(kind), 0);
    return working / (1 - this.#pauses);
  }
}

const blend = (known: number | undefined, next: number): number =>
  known === undefined ? next : 0.7 * known + 0.3 * next;
