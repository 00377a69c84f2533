import {
  capitalized,
  endTrimmed,
  split,
  splitFromEnd,
  splitLines,
  startTrimmed,
  title,
  titleOfWords,
  trimmed,
} from '../python-text.ts';
import {
  type Budget,
  Callable,
  contains,
  type Dict,
  type Given,
  isDict,
  isEqual,
  isList,
  isTrue,
  itemsOf,
  kindOf,
  Lazy,
  lengthOf,
  Namespace,
  Safe,
  toJson,
  type Value,
  written,
} from './values.ts';

/** The values of a call by the names of its parameters. @throws Error if one is unknown or given twice. */
export function bound(name: string, parameters: readonly string[], { args, named }: Given): Record<string, Value> {
  if (args.length > parameters.length) throw new Error(`it calls ${name} with ${args.length} values`);
  const values = Object.fromEntries(args.map((value, i) => [parameters[i], value]));
  for (const [key, value] of named) {
    if (!parameters.includes(key) || Object.hasOwn(values, key)) throw new Error(`it calls ${name} with ${key}`);
    values[key] = value;
  }
  return values;
}

function textOf(value: Value, what: string): string {
  if (typeof value === 'string') return value;
  throw new Error(`it takes ${kindOf(value)} for ${what}`);
}

function numberOf(value: Value, what: string): number {
  if (typeof value === 'number') return value;
  throw new Error(`it takes ${kindOf(value)} for ${what}`);
}

const flagOf = (value: Value): boolean => value !== undefined && isTrue(value);

/** A text with others in place of a part; at most `most` of them, if that is not negative. */
function replaced(text: string, [old, by, most]: readonly [string, string, number], budget: Budget): string {
  if (old === '') throw new Error('it replaces an empty text');
  budget.search(text, old);
  const parts = most < 0 ? text.split(old) : split(text, old, most);
  budget.length(text.length + (parts.length - 1) * (by.length - old.length));
  return parts.join(by);
}

type Method = (text: string, given: Given, budget: Budget) => Value;
type FilterOf = (value: Value, given: Given, budget: Budget) => Value;

/** A method or filter without parameters. */
const plain =
  (name: string, change: (value: Value, budget: Budget) => Value): FilterOf =>
  (value, given, budget) => {
    bound(name, [], given);
    return change(value, budget);
  };

/** The text that a filter changes. @throws Error if it is {@link Safe}, which its result would be too. */
function plainText(value: Value): string {
  if (value instanceof Safe) throw new Error('it changes a safe text');
  return written(value);
}

const ofText = (name: string, change: (text: string) => Value): FilterOf =>
  plain(name, (value) => change(plainText(value)));

/** The functions that methods of texts and filters share. */
const OF_TEXTS: Readonly<Record<'upper' | 'lower' | 'capitalize', FilterOf>> = {
  upper: ofText('upper', (text) => text.toUpperCase()),
  lower: ofText('lower', (text) => text.toLowerCase()),
  capitalize: ofText('capitalize', capitalized),
};

/** `str.strip` and its relatives: of white space, or of characters. */
const stripping =
  (name: string, strip: (text: string, characters?: string) => string): Method =>
  (text, given) => {
    const { chars } = bound(name, ['chars'], given);
    return strip(text, chars === undefined || chars === null ? undefined : textOf(chars, `the characters of ${name}`));
  };

/** `str.startswith` and `str.endswith`: with a text, or with any of several. */
const ending =
  (name: string, has: (text: string, part: string) => boolean): Method =>
  (text, given) => {
    const { part } = bound(name, ['part'], given);
    const parts = isList(part) ? part : [part];
    return parts.some((one) => has(text, textOf(one, `the text of ${name}`)));
  };

const splitting =
  (name: string, cut: (text: string, separator: string | undefined, most: number) => string[]): Method =>
  (text, given, budget) => {
    const { sep, maxsplit } = bound(name, ['sep', 'maxsplit'], given);
    const separator = sep === undefined || sep === null ? undefined : textOf(sep, `the separator of ${name}`);
    if (separator === '') throw new Error(`it calls ${name} with an empty separator`);
    budget.search(text, separator ?? ' ');
    return budget.list(cut(text, separator, maxsplit === undefined ? -1 : numberOf(maxsplit, `maxsplit of ${name}`)));
  };

const METHODS: Readonly<Record<string, Method>> = {
  ...OF_TEXTS,
  strip: stripping('strip', trimmed),
  lstrip: stripping('lstrip', startTrimmed),
  rstrip: stripping('rstrip', endTrimmed),
  startswith: ending('startswith', (text, part) => text.startsWith(part)),
  endswith: ending('endswith', (text, part) => text.endsWith(part)),
  split: splitting('split', split),
  rsplit: splitting('rsplit', (text, separator, most) => {
    if (separator === undefined) throw new Error('it calls rsplit without a separator');
    return splitFromEnd(text, separator, most);
  }),
  splitlines: ofText('splitlines', splitLines),
  title: ofText('title', title),
  replace: (text, given, budget) => {
    const { old, new: by, count } = bound('replace', ['old', 'new', 'count'], given);
    const most = count === undefined ? -1 : numberOf(count, 'the count of replace');
    return replaced(text, [textOf(old, 'a text to replace'), textOf(by, 'what replaces a text'), most], budget);
  },
};

/** All that Python's texts and lists have: a template that uses one which is not above is refused. */
const PYTHON_TEXT = new Set(
  `capitalize casefold center count encode endswith expandtabs find format format_map index isalnum isalpha isascii
   isdecimal isdigit isidentifier islower isnumeric isprintable isspace istitle isupper join ljust lower lstrip maketrans
   partition removeprefix removesuffix replace rfind rindex rjust rpartition rsplit rstrip split splitlines startswith
   strip swapcase title translate upper zfill`.split(/\s+/),
);
const PYTHON_LIST = new Set('append clear copy count extend index insert pop remove reverse sort'.split(' '));
const PYTHON_DICT = new Set('clear copy fromkeys get items keys pop popitem setdefault update values'.split(' '));

/** A method of a value by its name; undefined if Python has none. */
function methodOf(value: Value, name: string, budget: Budget): Callable | undefined {
  const lacking = (): Callable =>
    new Callable(() => {
      throw new Error(`it calls the method ${name} of ${kindOf(value)}`);
    });
  if (typeof value === 'string') {
    if (Object.hasOwn(METHODS, name)) return new Callable((given) => METHODS[name](value, given, budget));
    return PYTHON_TEXT.has(name) ? lacking() : undefined;
  }
  if (isList(value)) return PYTHON_LIST.has(name) ? lacking() : undefined;
  if (!isDict(value) || !PYTHON_DICT.has(name)) return undefined;
  if (Object.hasOwn(DICT_METHODS, name)) return new Callable((given) => DICT_METHODS[name](value, given));
  return lacking();
}

const DICT_METHODS: Readonly<Record<string, (dict: Dict, given: Given) => Value>> = {
  get: (dict, given) => {
    const { key, default: otherwise = null } = bound('get', ['key', 'default'], given);
    const name = textOf(key, 'a key');
    return dict.has(name) ? dict.get(name) : otherwise;
  },
  items: (dict, given) => (bound('items', [], given), [...dict]),
  keys: (dict, given) => (bound('keys', [], given), [...dict.keys()]),
  values: (dict, given) => (bound('values', [], given), [...dict.values()]),
};

/**
 * The value of an attribute (`a.b`) or a subscript (`a[b]`), as jinja2 finds it: one after the other.
 *
 * @throws Error if the value is undefined, or has what is not known here.
 */
export function member(value: Value, key: Value, isSubscript: boolean, budget: Budget): Value {
  if (value === undefined)
    throw new Error(`it reads ${typeof key === 'string' ? key : 'a part'} of an undefined value`);
  if (value instanceof Lazy || value instanceof Callable) throw new Error(`it reads a part of ${kindOf(value)}`);
  if (typeof key === 'number') {
    if (isList(value)) return value.at(key);
    return typeof value === 'string' ? Array.from(value).at(key) : undefined;
  }
  if (typeof key !== 'string') throw new Error(`it reads a part of ${kindOf(value)} by ${kindOf(key)}`);
  if (key.startsWith('__')) throw new Error(`it reads ${key}`);
  if (value instanceof Namespace) {
    if (value.lacks.has(key)) throw new Error(`it reads ${key}`);
    return value.values.get(key);
  }
  const item = isDict(value) && value.has(key);
  if (item && isSubscript) return value.get(key);
  const method = methodOf(value, key, budget);
  return method ?? (item ? value.get(key) : undefined);
}

type Test = (value: Value, other: Value, budget: Budget) => boolean;

const TESTS: Readonly<Record<string, Test>> = {
  defined: (value) => value !== undefined,
  undefined: (value) => value === undefined,
  none: (value) => value === null,
  true: (value) => value === true,
  false: (value) => value === false,
  boolean: (value) => typeof value === 'boolean',
  string: (value) => typeof value === 'string' || value instanceof Safe,
  number: (value) => typeof value === 'number' || typeof value === 'boolean',
  integer: (value) => typeof value === 'number',
  mapping: isDict,
  sequence: (value) => value === undefined || typeof value === 'string' || isList(value) || isDict(value),
  iterable: (value) =>
    value === undefined || typeof value === 'string' || isList(value) || isDict(value) || value instanceof Lazy,
  callable: (value) => value === undefined || value instanceof Callable,
  odd: (value) => numberOf(value, 'an odd number') % 2 !== 0,
  even: (value) => numberOf(value, 'an even number') % 2 === 0,
};

/** Tests that filters name, of two values. */
const COMPARISONS: Readonly<Record<string, Test>> = {
  equalto: isEqual,
  eq: isEqual,
  '==': isEqual,
  ne: (value, other, budget) => !isEqual(value, other, budget),
  in: (value, other, budget) => contains(other, value, budget),
};

/** A test by its name. @throws Error if it is not known. */
export function test(name: string, value: Value, budget: Budget): boolean {
  if (Object.hasOwn(TESTS, name)) return TESTS[name](value, undefined, budget);
  throw new Error(`it has a test ${name}`);
}

/** Which of the entries pass a test by its name, or are true if there is none. */
function passing(args: readonly Value[], valueOf: (item: Value) => Value, budget: Budget): (item: Value) => boolean {
  const [name, other, ...more] = args;
  if (more.length > 0) throw new Error('it selects by a test of three values');
  if (args.length === 0) return (item) => isTrue(valueOf(item));
  const named = textOf(name, 'the name of a test');
  if (args.length === 2 && Object.hasOwn(COMPARISONS, named))
    return (item) => COMPARISONS[named](valueOf(item), other, budget);
  if (args.length === 2) throw new Error(`it has a test ${named} of two values`);
  return (item) => test(named, valueOf(item), budget);
}

/** The value at a path of attributes and numbers, such as `function.name`. */
function attributeOf(path: string, budget: Budget): (item: Value) => Value {
  const parts = path.split('.').map((part) => (/^\d+$/.test(part) ? Number(part) : part));
  return (item) => parts.reduce<Value>((value, part) => member(value, part, true, budget), item);
}

const selecting =
  (name: string, { byAttribute, takes }: { byAttribute: boolean; takes: boolean }): FilterOf =>
  (value, { args, named }, budget) => {
    if (named.size > 0) throw new Error(`it calls ${name} with names`);
    const valueOf = byAttribute ? attributeOf(textOf(args[0], 'an attribute'), budget) : (item: Value) => item;
    const passes = passing(byAttribute ? args.slice(1) : args, valueOf, budget);
    return new Lazy(itemsOf(value, budget).filter((item) => passes(item) === takes));
  };

const lengthFilter = plain('length', lengthOf);

const defaultFilter: FilterOf = (value, given) => {
  const { default_value: otherwise = '', boolean } = bound('default', ['default_value', 'boolean'], given);
  return value === undefined || (flagOf(boolean) && !isTrue(value)) ? otherwise : value;
};

const FILTERS: Readonly<Record<string, FilterOf>> = {
  length: lengthFilter,
  count: lengthFilter,
  default: defaultFilter,
  d: defaultFilter,
  selectattr: selecting('selectattr', { byAttribute: true, takes: true }),
  rejectattr: selecting('rejectattr', { byAttribute: true, takes: false }),
  select: selecting('select', { byAttribute: false, takes: true }),
  reject: selecting('reject', { byAttribute: false, takes: false }),
  safe: plain('safe', (value) => new Safe(written(value))),
  string: plain('string', (value) => (value instanceof Safe ? value : written(value))),
  ...OF_TEXTS,
  title: ofText('title', titleOfWords),
  trim: (value, given, budget) => METHODS['strip'](plainText(value), given, budget),
  abs: plain('abs', (value) => Math.abs(numberOf(value, 'a number'))),
  int: plain('int', (value) => {
    if (typeof value === 'boolean') return Number(value);
    // Python reads more texts as numbers, with more digits than these.
    return typeof value === 'string' && /^[0-9]{1,5}$/.test(value) ? Number(value) : numberOf(value, 'a number');
  }),
  list: plain('list', itemsOf),
  first: plain('first', (value, budget) => itemsOf(value, budget).at(0)),
  last: plain('last', (value, budget) => {
    if (value instanceof Lazy || value === undefined) throw new Error(`it takes the last of ${kindOf(value)}`);
    return itemsOf(value, budget).at(-1);
  }),
  reverse: plain('reverse', (value, budget) => {
    const items = itemsOf(value, budget).toReversed();
    return typeof value === 'string' ? items.map(written).join('') : new Lazy(items);
  }),
  items: plain('items', (value, budget) => {
    if (value !== undefined && !isDict(value)) throw new Error(`it takes the items of ${kindOf(value)}`);
    return new Lazy(budget.list([...(value ?? new Map<string, Value>())]));
  }),
  dictsort: (value, given, budget) => {
    const { reverse } = bound('dictsort', ['case_sensitive', 'by', 'reverse'], given);
    if (given.args.length > 0 || [...given.named.keys()].some((name) => name !== 'reverse'))
      throw new Error('it sorts a dict by other than its keys');
    if (!isDict(value)) throw new Error(`it sorts ${kindOf(value)} as a dict`);
    return budget.list(sortedByKey(value, flagOf(reverse)));
  },
  join: (value, given, budget) => {
    const { d = '', attribute } = bound('join', ['d', 'attribute'], given);
    const valueOf =
      attribute === undefined ? (item: Value) => item : attributeOf(textOf(attribute, 'an attribute'), budget);
    const [parts, between] = [itemsOf(value, budget).map((item) => plainText(valueOf(item))), plainText(d)];
    budget.length(parts.reduce((sum, part) => sum + part.length, between.length * Math.max(0, parts.length - 1)));
    return parts.join(between);
  },
  map: (value, { args, named }, budget) => {
    const [name, ...others] = args;
    const { attribute, default: otherwise } = Object.fromEntries(named);
    if (name !== undefined) {
      const by = textOf(name, 'the name of a filter');
      return new Lazy(itemsOf(value, budget).map((item) => filtered(by, item, { args: others, named }, budget)));
    }
    if (named.size !== (otherwise === undefined ? 1 : 2)) throw new Error('it calls map with other names');
    const valueOf = attributeOf(textOf(attribute, 'an attribute'), budget);
    return new Lazy(itemsOf(value, budget).map((item) => valueOf(item) ?? otherwise));
  },
  replace: (value, given, budget) => {
    const { old, new: by, count = null } = bound('replace', ['old', 'new', 'count'], given);
    const most = count === null ? -1 : numberOf(count, 'the count of replace');
    return replaced(plainText(value), [plainText(old), plainText(by), most], budget);
  },
  indent: (value, given, budget) => {
    const { width = 4, first, blank } = bound('indent', ['width', 'first', 'blank'], given);
    if (typeof width === 'number') budget.number(width);
    const margin = typeof width === 'string' ? width : ' '.repeat(Math.max(0, numberOf(width, 'a width')));
    const text = plainText(value);
    const lines = splitLines(`${text}\n`);
    budget.length(text.length + lines.length * margin.length);
    const [indentsFirst, indentsBlank] = [flagOf(first), flagOf(blank)];
    return lines
      .map((line, i) => ((i === 0 ? indentsFirst : line !== '' || indentsBlank) ? margin + line : line))
      .join('\n');
  },
  tojson: (value, given, budget) => {
    const names = ['ensure_ascii', 'indent', 'separators', 'sort_keys'];
    const { ensure_ascii: ascii, indent = null, separators = null, sort_keys: sorted } = bound('tojson', names, given);
    if (typeof indent === 'number') budget.number(indent);
    const [entry = indent === null ? ', ' : ',', key = ': '] = separators === null ? [] : itemsOf(separators, budget);
    return toJson(
      value,
      {
        ascii: flagOf(ascii),
        indent:
          indent === null || typeof indent === 'string'
            ? indent
            : ' '.repeat(Math.max(0, numberOf(indent, 'an indent'))),
        separators: [textOf(entry, 'a separator'), textOf(key, 'a separator')],
        sorted: flagOf(sorted),
      },
      budget,
    );
  },
};

/** The entries of a dict by their keys, whatever their case. */
function sortedByKey(dict: Dict, isReversed: boolean): Value[] {
  const entries = [...dict].map(([key, value]) => ({ by: key.toLowerCase(), entry: [key, value] }));
  const order = isReversed ? -1 : 1;
  return entries.sort((a, b) => (a.by < b.by ? -order : a.by > b.by ? order : 0)).map(({ entry }) => entry);
}

/** A value after a filter. @throws Error if the filter is not known, or does not fit the value. */
export function filtered(name: string, value: Value, given: Given, budget: Budget): Value {
  if (Object.hasOwn(FILTERS, name)) return FILTERS[name](value, given, budget);
  throw new Error(`it has a filter ${name}`);
}
