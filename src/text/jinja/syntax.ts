import type * as Library from '@huggingface/jinja';
import { endTrimmed, SPACE } from '../python-text.ts';

export interface Program {
  readonly body: readonly Node[];
}
export interface Identifier {
  readonly type: 'Identifier';
  readonly value: string;
}
interface Call {
  readonly type: 'CallExpression';
  readonly callee: Expression;
  readonly args: readonly Argument[];
}
/** An argument with its name; in a macro's head, a parameter with its default. */
export interface NamedArgument {
  readonly type: 'KeywordArgumentExpression';
  readonly key: Identifier;
  readonly value: Expression;
}
export type Argument = Expression | NamedArgument;
export type Filter = Identifier | Call;
export interface Slice {
  readonly type: 'SliceExpression';
  readonly start?: Expression;
  readonly stop?: Expression;
  readonly step?: Expression;
}
interface List<Type extends string> {
  readonly type: Type;
  readonly value: readonly Expression[];
}
export type Expression =
  | Identifier
  | Call
  | { readonly type: 'StringLiteral'; readonly value: string }
  | { readonly type: 'IntegerLiteral'; readonly value: number }
  | List<'ArrayLiteral'>
  | List<'TupleLiteral'>
  | { readonly type: 'ObjectLiteral'; readonly value: ReadonlyMap<Expression, Expression> }
  | {
      readonly type: 'MemberExpression';
      readonly object: Expression;
      readonly property: Expression | Slice;
      /** Whether it is written `a[b]` rather than `a.b`. */
      readonly computed: boolean;
    }
  | {
      readonly type: 'BinaryExpression';
      readonly operator: { readonly value: string };
      readonly left: Expression;
      readonly right: Expression;
    }
  | { readonly type: 'UnaryExpression'; readonly operator: { readonly value: string }; readonly argument: Expression }
  | { readonly type: 'FilterExpression'; readonly operand: Expression; readonly filter: Filter }
  | {
      readonly type: 'TestExpression';
      readonly operand: Expression;
      readonly negate: boolean;
      readonly test: Identifier;
    }
  | {
      readonly type: 'Ternary';
      readonly condition: Expression;
      readonly trueExpr: Expression;
      readonly falseExpr: Expression;
    }
  /** `a if b`, without `else`; in the head of a loop, the list and which of its entries. */
  | { readonly type: 'SelectExpression'; readonly lhs: Expression; readonly test: Expression };

type Statement =
  | {
      readonly type: 'If';
      readonly test: Expression;
      readonly body: readonly Node[];
      readonly alternate: readonly Node[];
    }
  | {
      readonly type: 'For';
      readonly loopvar: Identifier | List<'TupleLiteral'>;
      readonly iterable: Expression;
      readonly body: readonly Node[];
      readonly defaultBlock: readonly Node[];
    }
  | {
      readonly type: 'Set';
      readonly assignee: Expression;
      /** Null if the body is the value. */
      readonly value: Expression | null;
      readonly body: readonly Node[];
    }
  | {
      readonly type: 'Macro';
      readonly name: Identifier;
      readonly args: readonly (Identifier | NamedArgument)[];
      readonly body: readonly Node[];
    }
  | {
      readonly type: 'CallStatement';
      readonly call: Call;
      readonly callerArgs: readonly (Identifier | NamedArgument)[] | null;
      readonly body: readonly Node[];
    }
  | { readonly type: 'FilterStatement'; readonly filter: Filter; readonly body: readonly Node[] }
  | { readonly type: 'Break' | 'Continue' };

export type Node = Expression | Statement;

const STATEMENTS: ReadonlySet<Node['type']> = new Set<Statement['type']>([
  ...(['If', 'For', 'Set', 'Macro', 'CallStatement', 'FilterStatement', 'Break', 'Continue'] as const),
]);
export const isStatement = (node: Node): node is Statement => STATEMENTS.has(node.type);

type Tokens = ReturnType<typeof Library.tokenize>;

/** The name that `{% generation %}` becomes: a block that is called with its content, as in transformers. */
export const GENERATION = '__generation';

/**
 * Reads a template as jinja2 does with the options of transformers (`trim_blocks`, `lstrip_blocks`): line ends become
 * line feeds, the last one is dropped, and tags take the white space around them that their signs and lines say. Tags
 * themselves are parsed by the library.
 *
 * @throws Error if it is not a template, or has a tag or number that this does not know.
 */
export function parseTemplate({ tokenize, parse }: typeof Library, source: string): Program {
  const tokens: Tokens = [];
  const whole = source.replace(/\r\n?/g, '\n').replace(/\n$/, '');
  let [at, lineStarts] = [0, true];
  for (;;) {
    const open = whole.slice(at).search(/\{[{%#]/) + at;
    const isLast = open < at;
    const [, kind, sign] = isLast ? '' : whole.slice(open, open + 3);
    let text = isLast ? whole.slice(at) : whole.slice(at, open);
    if (sign === '-') text = endTrimmed(text);
    else if (!isLast && sign !== '+' && kind !== '{') text = withoutIndent(text, lineStarts);
    if (text !== '') tokens.push({ value: text, type: 'Text' });
    if (isLast) break;
    const from = open + (sign === '-' || sign === '+' ? 3 : 2);
    const close = kind === '#' ? whole.indexOf('#}', from) : endOfTag(whole, from, kind === '%' ? '%}' : '}}');
    if (close < 0) throw new Error(`its tag ${whole.slice(open, open + 30)} does not end`);
    const last = close > from ? whole[close - 1] : '';
    const isSigned = last === '-' || (last === '+' && kind !== '{');
    const tag = whole.slice(from, isSigned ? close - 1 : close);
    if (kind === '%') tokens.push(...checked(tokenize(`{% ${statement(tag)} %}`)));
    else if (kind === '{') tokens.push(...checked(tokenize(`{{ ${tag} }}`)));
    at = close + 2;
    if (last === '-') at += (LEADING.exec(whole.slice(at))?.[0] ?? '').length;
    else if (kind !== '{' && !isSigned && whole[at] === '\n') at++;
    lineStarts = whole[at - 1] === '\n';
  }
  return parse(tokens) as unknown as Program;
}

/**
 * Refuses numbers that are not whole, and comparisons of more than two values (`a < b < c`): Python compares each with the next, and the library's parser
 * does not tell this from brackets.
 */
function checked(tokens: Tokens): Tokens {
  const compares = [false];
  for (const { type, value } of tokens) {
    if (type === 'NumericLiteral' && value.includes('.'))
      throw new Error(`it has the number ${value}, which is not whole`);
    if (type.startsWith('Open')) compares.push(false);
    else if (type.startsWith('Close')) compares.pop();
    else if (type === 'ComparisonBinaryOperator' || (type === 'Identifier' && value === 'in')) {
      if (compares.at(-1) === true) throw new Error('it compares more than two values at once');
      compares[compares.length - 1] = true;
    } else if (['Comma', 'Equals', 'Colon'].includes(type) || (type === 'Identifier' && DIVIDING.has(value)))
      compares[compares.length - 1] = false;
  }
  return tokens;
}

/** Words between which a comparison stays. */
const DIVIDING = new Set(['and', 'or', 'if', 'else', 'elif']);

const LEADING = new RegExp(`^${SPACE}*`);
const INDENT = new RegExp(`^${SPACE}+$`);

/** The text before a block without the white space of its last line, if that line has nothing else. */
function withoutIndent(text: string, lineStarts: boolean): string {
  const line = text.lastIndexOf('\n') + 1;
  return (line > 0 || lineStarts) && INDENT.test(text.slice(line)) ? text.slice(0, line) : text;
}

/** Where a tag ends: outside its texts and brackets. −1 if it does not. */
function endOfTag(whole: string, from: number, end: string): number {
  let depth = 0;
  for (let at = from; at < whole.length; at++) {
    const char = whole[at];
    if (depth === 0 && whole.startsWith(end, at)) return at;
    if (char === "'" || char === '"') at = endOfText(whole, at, char);
    else if ('([{'.includes(char)) depth++;
    else if (')]}'.includes(char)) depth--;
  }
  return -1;
}

function endOfText(whole: string, from: number, quote: string): number {
  let at = from + 1;
  while (at < whole.length && whole[at] !== quote) at += whole[at] === '\\' ? 2 : 1;
  return at;
}

function statement(tag: string): string {
  switch (tag.trim()) {
    case 'generation':
      return `call ${GENERATION}()`;
    case 'endgeneration':
      return 'endcall';
    default:
      return tag;
  }
}
