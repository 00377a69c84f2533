/**
 * Bounds of one rendering. A template comes with the model and is not trusted: it could run for ever, or write without
 * end. Those of the largest published models have 30,000 characters and take a few thousand steps.
 */
const MAX_TEXT = 4_194_304;
const MAX_STEPS = 1_000_000;
const MAX_MILLISECONDS = 1000;
/** Milliseconds that a step counts as, at most: the machine may have slept, or other programs had its processor. */
const MAX_GAP = 50;
/** Letters of a text times those of one that is looked for in it: the search may compare all with all. */
const MAX_SEARCH = 2 ** 32;
/** Bounds ranges and widths. */
export const MAX_NUMBER = 100_000;
/** Levels of lists within lists. */
const MAX_DEPTH = 100;

/** Counts the steps of a rendering, and bounds its time, texts, numbers and lists. All its methods throw an Error. */
export class Budget {
  #steps = 0;
  #taken = 0;
  #last = performance.now();

  /** Counts work that grows with a list or a nested value. */
  spend(steps = 1): void {
    this.#steps += steps;
    if (this.#steps > MAX_STEPS) throw new Error('it takes more than a million steps');
    const now = performance.now();
    this.#taken += Math.min(now - this.#last, MAX_GAP);
    this.#last = now;
    if (this.#taken > MAX_MILLISECONDS) throw new Error('it takes more than a second');
  }

  /** Checks the length of a text before it is made. */
  length(characters: number): void {
    if (characters > MAX_TEXT) throw new Error('its text is too long');
  }

  /** Checks the length of a text. */
  text(made: string): string {
    this.length(made.length);
    return made;
  }

  /** Checks the lengths of a text and of one that is looked for in it, before it is. */
  search(text: string, part: string): void {
    if (text.length * part.length > MAX_SEARCH) throw new Error('it looks for a long text in a long text');
  }

  /** Checks that a number is whole and not too large. */
  number(made: number): number {
    if (!Number.isSafeInteger(made)) throw new Error(`its number ${made} is not whole`);
    if (Math.abs(made) > MAX_NUMBER) throw new Error(`its number ${made} is too large`);
    return made;
  }

  /** Counts the entries of a list as steps. */
  list<T>(made: readonly T[]): readonly T[] {
    this.spend(made.length);
    return made;
  }
}

/**
 * A value of a template, as in Python: None is null, and what jinja2 calls Undefined is undefined. Numbers are whole.
 * Nothing but a {@link Namespace} changes once it is made.
 */
export type Value =
  | string
  | number
  | boolean
  | null
  | undefined
  | readonly Value[]
  | Dict
  | Namespace
  | Lazy
  | Callable
  | Safe;
export type Dict = ReadonlyMap<string, Value>;

/** Values by attributes: of `namespace()`, which a template sets, or of `loop`. */
export class Namespace {
  constructor(
    readonly values: Map<string, Value>,
    /** Attributes that jinja2 has, but this does not. */
    readonly lacks: ReadonlySet<string> = new Set(),
  ) {}
}

/**
 * The sequence that filters such as `selectattr` make: to read once, without a length, and true even if it is empty.
 */
export class Lazy {
  #items: readonly Value[] | null;
  constructor(items: readonly Value[]) {
    this.#items = items;
  }
  taken(): readonly Value[] {
    const items = this.#items ?? [];
    this.#items = null;
    return items;
  }
}

/** A text after the filter `safe`. Python's escapes what is added to it, so this can only be written. */
export class Safe {
  constructor(readonly text: string) {}
}

export interface Given {
  readonly args: readonly Value[];
  readonly named: ReadonlyMap<string, Value>;
}

/** A function, a macro, or a method of a value. */
export class Callable {
  constructor(readonly call: (given: Given) => Value) {}
}

export const isDict = (value: Value): value is Dict => value instanceof Map;
export const isList = (value: Value): value is readonly Value[] => Array.isArray(value);

/** Names the type of a value in the words of Python's errors. */
export function kindOf(value: Value): string {
  if (value === undefined) return 'an undefined value';
  if (value === null) return 'none';
  if (isList(value)) return 'a list';
  if (isDict(value)) return 'a dict';
  return typeof value === 'object' ? `a ${value.constructor.name.toLowerCase()}` : `a ${typeof value}`;
}

/** Python's truth. */
export function isTrue(value: Value): boolean {
  if (isList(value)) return value.length > 0;
  if (value instanceof Safe) return value.text !== '';
  return isDict(value) ? value.size > 0 : Boolean(value);
}

/** Python's `str`. @throws Error for what templates of conversations have no use to write: a list, a dict, a function. */
export function written(value: Value): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return String(value);
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (value === undefined) return '';
  if (value === null) return 'None';
  if (value instanceof Safe) return value.text;
  throw new Error(`it writes ${kindOf(value)}`);
}

/** Python's `==`. @throws Error if lists are nested too deep. */
export function isEqual(a: Value, b: Value, budget: Budget, depth = 0): boolean {
  if (depth > MAX_DEPTH) throw new Error('its lists are nested too deep');
  budget.spend();
  const [left, right] = [a, b].map((value) => (typeof value === 'boolean' ? Number(value) : value));
  if (isList(left) && isList(right))
    return left.length === right.length && left.every((one, i) => isEqual(one, right[i], budget, depth + 1));
  if (isDict(left) && isDict(right))
    return (
      left.size === right.size &&
      [...left].every(([key, one]) => right.has(key) && isEqual(one, right.get(key), budget, depth + 1))
    );
  return left === right;
}

/** Python's `in`. @throws Error if it has no such operation. */
export function contains(container: Value, item: Value, budget: Budget): boolean {
  if (container === undefined) return false;
  if (isDict(container)) return typeof item === 'string' && container.has(item);
  if (typeof container === 'string') {
    if (typeof item !== 'string') throw new Error(`it looks for ${kindOf(item)} in a text`);
    budget.search(container, item);
    return container.includes(item);
  }
  return itemsOf(container, budget).some((one) => isEqual(one, item, budget));
}

/** Returns the items that a loop takes of a value: letters, entries or keys. @throws Error if it has none. */
export function itemsOf(value: Value, budget: Budget): readonly Value[] {
  if (value === undefined) return [];
  if (typeof value === 'string') return budget.list(Array.from(value));
  if (isList(value)) return budget.list(value);
  if (isDict(value)) return budget.list([...value.keys()]);
  if (value instanceof Lazy) return budget.list(value.taken());
  throw new Error(`it takes the entries of ${kindOf(value)}`);
}

/** Python's `len`. @throws Error if it has none. */
export function lengthOf(value: Value): number {
  if (value === undefined) return 0;
  if (typeof value === 'string') return Array.from(value).length;
  if (isList(value)) return value.length;
  if (isDict(value)) return value.size;
  throw new Error(`it takes the length of ${kindOf(value)}`);
}

interface JsonForm {
  readonly ascii: boolean;
  readonly indent: string | null;
  readonly separators: readonly [entry: string, key: string];
  readonly sorted: boolean;
}

/** Python's `json.dumps`. @throws Error if there is no such JSON, or it is too long. */
export function toJson(value: Value, form: JsonForm, budget: Budget): string {
  let size = 0;
  const count = (part: string): string => {
    size += part.length;
    budget.length(size);
    return part;
  };
  const text = (part: string): string => {
    const json = JSON.stringify(part);
    const code = (letter: string): string => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`;
    return form.ascii ? json.replace(/[\x7f-\uffff]/g, code) : json;
  };
  const list = ([open, close]: string, entries: readonly (() => string)[], depth: number): string => {
    if (entries.length === 0) return count(open + close);
    const line = form.indent === null ? '' : count(`\n${form.indent.repeat(depth + 1)}`);
    const made = entries.map((entry) => count(line) + entry());
    const end = form.indent === null ? '' : `\n${form.indent.repeat(depth)}`;
    count(end + open + close);
    budget.length(size + form.separators[0].length * made.length);
    return open + made.join(form.separators[0]) + end + close;
  };
  const write = (one: Value, depth: number): string => {
    if (depth > MAX_DEPTH) throw new Error('its lists are nested too deep');
    budget.spend();
    if (typeof one === 'string') return count(text(one));
    if (one === null) return count('null');
    if (typeof one === 'number' || typeof one === 'boolean') return count(String(one));
    if (isList(one))
      return list(
        '[]',
        one.map((entry) => () => write(entry, depth + 1)),
        depth,
      );
    if (!isDict(one)) throw new Error(`it writes ${kindOf(one)} as JSON`);
    const keys = form.sorted ? [...one.keys()].sort() : [...one.keys()];
    const entry = (key: string): string => count(text(key) + form.separators[1]) + write(one.get(key), depth + 1);
    return list(
      '{}',
      keys.map((key) => () => entry(key)),
      depth,
    );
  };
  return write(value, 0);
}
