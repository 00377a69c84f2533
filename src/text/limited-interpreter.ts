import type * as Jinja from '@huggingface/jinja';

type Evaluate = Jinja.Interpreter['evaluate'];
type Node = Parameters<Evaluate>[0];
type Value = ReturnType<Evaluate>;

// The template comes with the model and is not trusted: it could run for ever. Those of the largest published models
// have 30,000 characters and take a few thousand steps.
const MAX_TEXT = 4_194_304;
const MAX_STEPS = 1_000_000;
const MAX_MILLISECONDS = 1000;
/** Milliseconds that steps between two looks at the clock count as, at most: the machine may have slept. */
const MAX_GAP = 200;
/** Bounds ranges, widths and repetition counts. */
export const MAX_NUMBER = 100_000;
/** Levels of lists within lists: the library recurses, and indents each level further. */
const MAX_DEPTH = 100;
/** Characters of a text times those of what a filter puts between or in place of them. */
const MAX_PRODUCT = 2 ** 26;
/** Characters that a number counts as. */
const NUMBER = 8;

/** Filters and methods that can write more than what they are applied to and their arguments together. */
const GROWING = new Set(['join', 'indent', 'replace', 'tojson']);

/** How much text a value is when written out, at least, and how deep it is nested. */
interface Extent {
  readonly size: number;
  readonly depth: number;
  /** False for a namespace, and for what holds one: these can change. */
  readonly fixed: boolean;
}

/** A filter or method of {@link GROWING} while its operand and arguments are evaluated. */
interface Growing {
  /** The nodes of the operand and of the arguments. */
  readonly operands: ReadonlySet<unknown>;
  readonly args: ReadonlySet<unknown>;
  readonly indents: boolean;
  size: number;
  depth: number;
  times: number;
}

/** An interpreter that stops templates that run too long or write too much. */
export function limitedInterpreter({ Interpreter }: typeof Jinja, environment: Jinja.Environment): Jinja.Interpreter {
  let [last, taken, steps] = [performance.now(), 0, 0];
  const isTooLong = (): boolean => {
    const now = performance.now();
    taken += Math.min(now - last, MAX_GAP);
    last = now;
    return taken > MAX_MILLISECONDS;
  };
  const extents = new WeakMap<Value, Extent>();
  const applied: Growing[] = [];
  class Limited extends Interpreter {
    override evaluate(node: Node, scope: Jinja.Environment): Value {
      if (++steps > MAX_STEPS) throw new Error('it takes more than a million steps');
      if (isTooLong()) throw new Error('it takes more than a second');
      const [outer, growing] = [applied.at(-1), growingOf(node)];
      if (growing) applied.push(growing);
      let found: Value;
      try {
        found = super.evaluate(node, scope);
      } finally {
        if (growing) applied.pop();
      }
      const extent = extentOf(found, extents);
      const { value } = found;
      if (typeof value === 'number' && Math.abs(value) > MAX_NUMBER)
        throw new Error(`its number ${value} is too large`);
      if (outer) checkGrowth(outer, node, found, extent);
      return found;
    }
  }
  return new Limited(environment);
}

/** Every value is measured where it arises, and one that is too large is refused: whatever reads it is bounded too. */
function extentOf(found: Value, known: WeakMap<Value, Extent>, level = 0): Extent {
  const before = known.get(found);
  if (before) return before;
  if (level > MAX_DEPTH) throw new Error('its lists are nested too deep');
  const parts = partsOf(found.value);
  let [size, depth, fixed] = [sizeOf(found.value), 0, found.type !== 'NamespaceValue'];
  for (const part of parts) {
    const inner = extentOf(part, known, level + 1);
    size += inner.size + ', '.length;
    depth = Math.max(depth, inner.depth + 1);
    fixed &&= inner.fixed;
    if (size > MAX_TEXT) break;
  }
  if (size > MAX_TEXT) throw tooLong();
  if (depth > MAX_DEPTH) throw new Error('its lists are nested too deep');
  const extent = { size, depth, fixed };
  if (fixed && parts !== NONE) known.set(found, extent);
  return extent;
}

const NONE: readonly Value[] = [];

/** The values that a list or an object holds. */
function partsOf(value: unknown): Iterable<Value> {
  if (Array.isArray(value)) return value as Value[];
  return value instanceof Map ? (value as Map<string, Value>).values() : NONE;
}

/** Characters of a value without its parts. */
function sizeOf(value: unknown): number {
  if (typeof value === 'string') return value.length;
  if (!(value instanceof Map)) return NUMBER;
  let size = NUMBER;
  for (const key of (value as Map<string, Value>).keys()) size += key.length;
  return size;
}

/** The node as a filter or method that can grow a text, or null. */
function growingOf(node: Node): Growing | null {
  const { type, operand, filter, callee, args, body } = (node ?? {}) as AnyNode;
  const call: AnyNode = filter ?? { callee, args };
  const isMethod = type === 'CallExpression' && callee?.type === 'MemberExpression';
  const name = isMethod ? callee.property?.value : (call.callee ?? call).value;
  if ((!filter && !isMethod) || typeof name !== 'string' || !GROWING.has(name)) return null;
  // A keyword argument is not evaluated itself, but its value is; of `*list` its argument is.
  const given = (call.args ?? []).map((one) =>
    one.type === 'KeywordArgumentExpression' ? one.value : (one.argument ?? one),
  );
  const operands = isMethod ? [callee.object] : (body ?? [operand]);
  return { operands: new Set(operands), args: new Set(given), indents: name === 'tojson', size: 0, depth: 1, times: 1 };
}

/** What {@link growingOf} reads of a filter's, a filter block's or a call's node. */
interface AnyNode {
  readonly type?: string;
  readonly value?: unknown;
  readonly operand?: unknown;
  readonly filter?: AnyNode;
  readonly callee?: AnyNode | undefined;
  readonly property?: AnyNode;
  readonly object?: unknown;
  readonly argument?: unknown;
  readonly args?: readonly AnyNode[] | undefined;
  readonly body?: readonly unknown[];
}

/** Checks what a filter or method may write, as soon as enough of its operand and arguments is known. */
function checkGrowth(growing: Growing, node: unknown, { value }: Value, { size, depth }: Extent): void {
  if (growing.operands.has(node)) {
    growing.size += size;
    growing.depth = Math.max(growing.depth, growing.indents ? depth : 1);
  } else if (growing.args.has(node)) {
    growing.times = Math.max(growing.times, typeof value === 'number' ? value : size);
  }
  if (growing.size * growing.depth * growing.times > MAX_PRODUCT) throw tooLong();
}

const tooLong = (): Error => new Error('its text is too long');
