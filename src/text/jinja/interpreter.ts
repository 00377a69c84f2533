import { bound, filtered, member, test } from './builtins.ts';
import {
  type Argument,
  type Expression,
  type Filter,
  GENERATION,
  type Identifier,
  isStatement,
  type NamedArgument,
  type Node,
  type Program,
  type Slice,
} from './syntax.ts';
import {
  Budget,
  Callable,
  contains,
  type Given,
  isDict,
  isEqual,
  isList,
  isTrue,
  itemsOf,
  kindOf,
  MAX_NUMBER,
  Namespace,
  type Value,
  written,
} from './values.ts';

/** Variables, and those of the block around it. */
class Scope {
  readonly #own = new Map<string, Value>();
  constructor(readonly outer?: Scope) {}
  get(name: string): Value {
    return this.#own.has(name) ? this.#own.get(name) : this.outer?.get(name);
  }
  set(name: string, value: Value): void {
    this.#own.set(name, value);
  }
}

class Break extends Error {}
class Continue extends Error {}

const CONSTANTS: ReadonlyMap<string, Value> = new Map(
  Object.entries({ true: true, True: true, false: false, False: false, none: null, None: null }),
);
/** The members of jinja2's `loop` that are missing here. */
const LOOP_LACKS = new Set(['changed', 'cycle', 'depth', 'depth0']);
/** The names that jinja2 gives macros besides their arguments. */
const OF_MACROS = new Set(['varargs', 'kwargs']);

/**
 * Renders a parsed template as jinja2 does in transformers: with Python's texts, truth, equality and scopes. What it
 * does not know is refused, never guessed; so are numbers that are not whole.
 *
 * @param variables of the template; functions as {@link Callable}.
 * @throws Error if the template raises one, uses what is unknown, takes too long or writes too much.
 */
export function render(program: Program, variables: ReadonlyMap<string, Value>): string {
  return new Interpreter(variables).run(program);
}

class Interpreter {
  readonly #budget = new Budget();
  readonly #globals = new Scope();
  /** The text of the block that is being written. */
  #text = '';

  constructor(variables: ReadonlyMap<string, Value>) {
    const functions: [string, (given: Given) => Value][] = [
      ['range', (given) => this.#range(given)],
      ['namespace', (given) => namespaceOf(given)],
      [GENERATION, ({ named }) => call(named.get('caller'), { args: [], named: new Map() })],
    ];
    for (const [name, made] of functions) this.#globals.set(name, new Callable(made));
    for (const [name, value] of variables) this.#globals.set(name, value);
  }

  run({ body }: Program): string {
    return this.#written(body, this.#globals);
  }

  /** Writes nodes into a text of their own. */
  #written(body: readonly Node[], scope: Scope): string {
    const before = this.#text;
    this.#text = '';
    try {
      this.#write(body, scope);
      return this.#text;
    } finally {
      this.#text = before;
    }
  }

  #write(body: readonly Node[], scope: Scope): void {
    for (const node of body) this.#writeNode(node, scope);
  }

  #add(text: string): void {
    this.#text = this.#budget.text(this.#text + text);
  }

  #writeNode(node: Node, scope: Scope): void {
    if (!isStatement(node)) return this.#add(written(this.#value(node, scope)));
    this.#budget.spend();
    switch (node.type) {
      case 'If':
        return this.#write(isTrue(this.#value(node.test, scope)) ? node.body : node.alternate, scope);
      case 'For':
        return this.#writeLoop(node, scope);
      case 'Set':
        return this.#set(node, scope);
      case 'Macro':
        return scope.set(node.name.value, this.#macro(node, scope));
      case 'CallStatement':
        return this.#add(written(this.#callBlock(node, scope)));
      case 'FilterStatement':
        return this.#add(written(this.#filtered(this.#written(node.body, new Scope(scope)), node.filter, scope)));
      case 'Break':
        throw new Break('it breaks no loop');
      case 'Continue':
        throw new Continue('it continues no loop');
    }
  }

  #writeLoop({ loopvar, iterable, body, defaultBlock }: Node & { type: 'For' }, scope: Scope): void {
    const isSelected = iterable.type === 'SelectExpression';
    const all = itemsOf(this.#value(isSelected ? iterable.lhs : iterable, scope), this.#budget);
    const scopeOf = (item: Value): Scope => {
      const inner = new Scope(scope);
      this.#assign(loopvar, item, inner);
      return inner;
    };
    const items = isSelected ? all.filter((item) => isTrue(this.#value(iterable.test, scopeOf(item)))) : all;
    // As in jinja2, the block after `else` is also written if no round of the loop came to its end.
    let isDone = false;
    for (const [i, item] of items.entries()) {
      const inner = scopeOf(item);
      const { length } = items;
      const loop: Record<string, Value> = {
        index: i + 1,
        index0: i,
        revindex: length - i,
        revindex0: length - i - 1,
        length,
        first: i === 0,
        last: i === length - 1,
        previtem: items[i - 1],
        nextitem: items[i + 1],
      };
      inner.set('loop', new Namespace(new Map(Object.entries(loop)), LOOP_LACKS));
      try {
        this.#write(body, inner);
        isDone = true;
      } catch (thrown) {
        if (thrown instanceof Break) break;
        if (!(thrown instanceof Continue)) throw thrown;
      }
    }
    if (!isDone) this.#write(defaultBlock, new Scope(scope));
  }

  #set({ assignee, value, body }: Node & { type: 'Set' }, scope: Scope): void {
    const made = value === null ? this.#written(body, new Scope(scope)) : this.#value(value, scope);
    if (assignee.type !== 'MemberExpression') return this.#assign(assignee, made, scope);
    const object = this.#value(assignee.object, scope);
    const { property } = assignee;
    if (!(object instanceof Namespace) || object.lacks.size > 0 || assignee.computed || property.type !== 'Identifier')
      throw new Error('it sets a part of what is no namespace');
    object.values.set(attributeName(property), made);
  }

  #assign(target: Expression, value: Value, scope: Scope): void {
    if (target.type === 'Identifier') return scope.set(target.value, value);
    if (target.type !== 'TupleLiteral') throw new Error('it sets what is no variable');
    const items = itemsOf(value, this.#budget);
    if (items.length !== target.value.length)
      throw new Error(`it sets ${target.value.length} to ${items.length} values`);
    target.value.forEach((one, i) => this.#assign(one, items[i], scope));
  }

  /** A macro sees the variables where it is written, not those where it is called. */
  #macro(node: { args: Parameters; body: readonly Node[]; name?: Identifier }, scope: Scope): Callable {
    const name = node.name?.value ?? 'caller';
    const parameters = node.args.map((one) => (one.type === 'Identifier' ? one.value : one.key.value));
    return new Callable(({ args, named }) => {
      this.#budget.spend();
      const inner = new Scope(scope);
      const [rest, caller] = [new Map(named), named.get('caller')];
      if (!parameters.includes('caller') && rest.delete('caller')) inner.set('caller', caller);
      const values = bound(name, parameters, { args, named: rest });
      for (const parameter of parameters) inner.set(parameter, undefined);
      for (const [i, parameter] of node.args.entries()) {
        const isGiven = Object.hasOwn(values, parameters[i]);
        const missing = parameter.type === 'Identifier' ? undefined : (): Value => this.#value(parameter.value, inner);
        inner.set(parameters[i], isGiven ? values[parameters[i]] : missing?.());
      }
      return this.#written(node.body, inner);
    });
  }

  #callBlock({ call: { callee, args }, callerArgs, body }: Node & { type: 'CallStatement' }, scope: Scope): Value {
    const given = this.#given(args, scope);
    const caller = this.#macro({ args: callerArgs ?? [], body }, scope);
    return call(this.#value(callee, scope), { ...given, named: new Map([...given.named, ['caller', caller]]) });
  }

  #value(node: Expression, scope: Scope): Value {
    this.#budget.spend();
    switch (node.type) {
      case 'StringLiteral':
        return node.value;
      case 'IntegerLiteral':
        return this.#budget.number(node.value);
      case 'ArrayLiteral':
      case 'TupleLiteral':
        return node.value.map((one) => this.#value(one, scope));
      case 'ObjectLiteral':
        return new Map(
          Array.from(node.value, ([key, value]) => {
            const name = this.#value(key, scope);
            if (typeof name !== 'string') throw new Error(`it has ${kindOf(name)} for a key`);
            return [name, this.#value(value, scope)];
          }),
        );
      case 'Identifier':
        return this.#variable(node.value, scope);
      case 'CallExpression':
        return call(this.#value(node.callee, scope), this.#given(node.args, scope));
      case 'MemberExpression': {
        const { object, property, computed } = node;
        const value = this.#value(object, scope);
        if (property.type === 'SliceExpression') return this.#slice(value, property, scope);
        const isName = !computed && property.type === 'Identifier';
        const key = isName ? property.value : this.#value(property, scope);
        return member(value, key, !isName, this.#budget);
      }
      case 'BinaryExpression':
        return this.#binary(node, scope);
      case 'UnaryExpression': {
        const value = this.#value(node.argument, scope);
        if (node.operator.value === 'not') return !isTrue(value);
        const number = this.#number(value, node.operator.value);
        return node.operator.value === '-' ? -number : number;
      }
      case 'FilterExpression':
        return this.#filtered(this.#value(node.operand, scope), node.filter, scope);
      case 'TestExpression':
        return test(node.test.value, this.#value(node.operand, scope), this.#budget) !== node.negate;
      case 'Ternary':
        return this.#value(isTrue(this.#value(node.condition, scope)) ? node.trueExpr : node.falseExpr, scope);
      case 'SelectExpression':
        return isTrue(this.#value(node.test, scope)) ? this.#value(node.lhs, scope) : undefined;
      default:
        throw new Error(`it has a ${(node as { type: string }).type}`);
    }
  }

  #variable(name: string, scope: Scope): Value {
    if (CONSTANTS.has(name)) return CONSTANTS.get(name);
    const value = scope.get(name);
    if (value === undefined && OF_MACROS.has(name)) throw new Error(`it uses ${name}`);
    return value;
  }

  #filtered(value: Value, filter: Filter, scope: Scope): Value {
    if (filter.type === 'Identifier')
      return filtered(filter.value, value, { args: [], named: new Map() }, this.#budget);
    const { callee, args } = filter;
    if (callee.type !== 'Identifier') throw new Error('it has a filter without a name');
    return filtered(callee.value, value, this.#given(args, scope), this.#budget);
  }

  #given(args: readonly Argument[], scope: Scope): Given {
    const named = new Map<string, Value>();
    const positional: Value[] = [];
    for (const argument of args) {
      if (argument.type === 'KeywordArgumentExpression')
        named.set(argument.key.value, this.#value(argument.value, scope));
      else positional.push(this.#value(argument, scope));
    }
    return { args: positional, named };
  }

  #binary(node: Expression & { type: 'BinaryExpression' }, scope: Scope): Value {
    const { left: first, right: second } = node;
    const operator = node.operator.value;
    const left = this.#value(first, scope);
    if (operator === 'and') return isTrue(left) ? this.#value(second, scope) : left;
    if (operator === 'or') return isTrue(left) ? left : this.#value(second, scope);
    const right = this.#value(second, scope);
    switch (operator) {
      case '==':
      case '!=':
        return isEqual(left, right, this.#budget) === (operator === '==');
      case 'in':
      case 'not in':
        return contains(right, left, this.#budget) === (operator === 'in');
      case '~':
        // jinja2 joins before it adds, the library from left to right: with texts that is the same.
        if (first.type === 'BinaryExpression' && '+-'.includes(first.operator.value) && typeof left !== 'string')
          throw new Error('it joins a sum');
        return this.#budget.text(written(left) + written(right));
      case '+':
        if (typeof left === 'string' && typeof right === 'string') return this.#budget.text(left + right);
        if (isList(left) && isList(right)) return this.#budget.list([...left, ...right]);
    }
    return this.#computed(operator, this.#number(left, operator), this.#number(right, operator));
  }

  #computed(operator: string, a: number, b: number): Value {
    const number = (value: number): number => this.#budget.number(value);
    switch (operator) {
      case '<':
        return a < b;
      case '>':
        return a > b;
      case '<=':
        return a <= b;
      case '>=':
        return a >= b;
      case '+':
        return number(a + b);
      case '-':
        return number(a - b);
      case '*':
        return number(a * b);
      case '//':
        return number(Math.floor(a / b));
      case '%':
        return number(a - b * Math.floor(a / b));
      default:
        throw new Error(`it computes with ${operator}`);
    }
  }

  #number(value: Value, operator: string): number {
    if (typeof value === 'number') return value;
    if (typeof value === 'boolean') return Number(value);
    throw new Error(`it computes ${operator} with ${kindOf(value)}`);
  }

  #slice(value: Value, { start, stop, step }: Slice, scope: Scope): Value {
    if (typeof value !== 'string' && !isList(value)) throw new Error(`it takes a part of ${kindOf(value)}`);
    const bound = (node: Expression | undefined): number | undefined => {
      const given = node === undefined ? null : this.#value(node, scope);
      return given === null ? undefined : this.#number(given, 'a part');
    };
    const items = itemsOf(value, this.#budget);
    const part = sliced(items, bound(start), bound(stop), bound(step) ?? 1);
    return typeof value === 'string' ? part.map(written).join('') : part;
  }

  #range(given: Given): readonly Value[] {
    const { a, b, step: by = 1 } = bound('range', ['a', 'b', 'step'], given);
    const [from, to] = (b === undefined ? [0, a] : [a, b]).map((value) => this.#number(value, 'a range'));
    const step = this.#number(by, 'a range');
    if (step === 0) throw new Error('it has a range with a step of 0');
    const length = Math.max(0, Math.ceil((to - from) / step));
    if (!(length <= MAX_NUMBER)) throw new Error(`its range of ${length} numbers is too long`);
    return this.#budget.list(Array.from({ length }, (_, i) => from + i * step));
  }
}

type Parameters = readonly (Identifier | NamedArgument)[];

function call(value: Value, given: Given): Value {
  if (value instanceof Callable) return value.call(given);
  throw new Error(`it calls ${kindOf(value)}`);
}

function namespaceOf({ args, named }: Given): Namespace {
  const [first = new Map<string, Value>(), ...more] = args;
  if (!isDict(first) || more.length > 0) throw new Error('it makes a namespace of what is no dict');
  const values = new Map([...first, ...named]);
  for (const name of values.keys()) checkName(name);
  return new Namespace(values);
}

function attributeName({ value }: Identifier): string {
  checkName(value);
  return value;
}

/** transformers refuses names that could reach into Python. */
function checkName(name: string): void {
  if (name.startsWith('_')) throw new Error(`it has an attribute ${name}`);
}

/** Python's `items[start:stop:step]`. */
function sliced(items: readonly Value[], start: number | undefined, stop: number | undefined, step: number): Value[] {
  if (step === 0) throw new Error('it takes parts with a step of 0');
  const { length } = items;
  const [low, high] = step > 0 ? [0, length] : [-1, length - 1];
  const place = (at: number | undefined, otherwise: number): number =>
    at === undefined ? otherwise : Math.min(high, Math.max(low, at < 0 ? at + length : at));
  const [from, to] = [place(start, step > 0 ? low : high), place(stop, step > 0 ? high : low)];
  const part: Value[] = [];
  for (let at = from; step > 0 ? at < to : at > to; at += step) part.push(items[at]);
  return part;
}
