/** Types of tokens (`llama_token_type`). */
export const TOKEN_TYPE = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 } as const;

/** The sign that SentencePiece writes for a space. */
export const SPACE = '▁';

/** Sum of squared letters of tokens whose halves are looked for: a hundred times that of published vocabularies. */
const MOST_WORK = 2 ** 31;

/** Whether it would take long to find the halves of tokens. */
export const hasLongTokens = (tokens: readonly string[]): boolean =>
  tokens.reduce((sum, { length }) => sum + length ** 2, 0) > MOST_WORK;

/**
 * The merges of SentencePiece's BPE, which joins the two neighbours whose joined piece has the highest score: all ways to
 * put each piece together from two others, pieces of high scores first (`generate_merges` of transformers).
 *
 * @param tokens not {@link hasLongTokens}.
 * @param takesPart whether a token can be part of a merge, by its id.
 */
export function mergesByScore(
  tokens: readonly string[],
  scores: ArrayLike<number>,
  takesPart: (id: number) => boolean,
): [string, string][] {
  const ids = new Map<string, number>();
  tokens.forEach((token, id) => {
    if (takesPart(id)) ids.set(token, id);
  });
  const merges: { first: string; second: string; score: number; order: number }[] = [];
  for (const [piece, id] of ids) {
    const ways: { first: number; second: number }[] = [];
    for (let at = 1; at < piece.length; at++) {
      if (isLowSurrogate(piece.charCodeAt(at))) continue;
      const first = ids.get(piece.slice(0, at));
      if (first === undefined) continue;
      const second = ids.get(piece.slice(at));
      if (second !== undefined) ways.push({ first, second });
    }
    ways.sort((a, b) => a.first - b.first || a.second - b.second);
    for (const { first, second } of ways) {
      merges.push({ first: tokens[first], second: tokens[second], score: scores[id], order: merges.length });
    }
  }
  // Longer halves first among equal scores, as transformers sorts them; then in the order of the vocabulary.
  merges.sort(
    (a, b) =>
      b.score - a.score ||
      charactersOf(b.first) - charactersOf(a.first) ||
      charactersOf(b.second) - charactersOf(a.second) ||
      a.order - b.order,
  );
  return merges.map(({ first, second }) => [first, second]);
}

const isLowSurrogate = (code: number): boolean => code >= 0xdc00 && code < 0xe000;

function charactersOf(text: string): number {
  let count = 0;
  for (let i = 0; i < text.length; i++) if (!isLowSurrogate(text.charCodeAt(i))) count++;
  return count;
}

/** The code points that Unicode calls white space, besides the space. */
const WHITE_SPACE = [0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x85, 0xa0, 0x1680, 0x2028, 0x2029, 0x202f, 0x205f, 0x3000].concat(
  Array.from({ length: 11 }, (_, i) => 0x2000 + i),
);

/** Bits of a unit: an inner one has its offset from bit 10 on, a value bit 31. */
const HAS_VALUE = 2 ** 8;
const IS_VALUE = 2 ** 31;
const OFFSET = 2 ** 10;
/** Units that one byte can reach. */
const REACH = 256;

interface Node {
  value: boolean;
  readonly children: Map<number, Node>;
}

/**
 * A map of SentencePiece's normaliser (`precompiled_charsmap`) that turns each white space into a space and changes
 * nothing else: the length of a double array as 32 bits, the array, and the replacements, each ended by a zero. Unit i is
 * labelled by a byte; its child for byte c is unit i XOR offset XOR c, and its value that for byte 0 (darts-clone).
 */
export function whitespaceMap(): Uint8Array {
  const root: Node = { value: false, children: new Map() };
  for (const code of WHITE_SPACE) {
    let node = root;
    for (const byte of new TextEncoder().encode(String.fromCodePoint(code))) {
      const next: Node = node.children.get(byte) ?? { value: false, children: new Map() };
      node.children.set(byte, next);
      node = next;
    }
    node.value = true;
  }
  const units: number[] = [0];
  const bases = new Set<number>();
  const place = (node: Node, at: number, label: number): void => {
    const bytes = [...(node.value ? [0] : []), ...node.children.keys()];
    let base = 1;
    while (bases.has(base) || bytes.some((byte) => (base ^ byte) in units)) base++;
    bases.add(base);
    units[at] = label + (node.value ? HAS_VALUE : 0) + (at ^ base) * OFFSET;
    if (node.value) units[base] = IS_VALUE; // the replacement at byte 0
    for (const byte of node.children.keys()) units[base ^ byte] = byte;
    for (const [byte, child] of node.children) place(child, base ^ byte, byte);
  };
  place(root, 0, 0);
  const length = Math.ceil(Math.max(units.length, ...bases) / REACH) * REACH;
  const map = new Uint8Array(4 + 4 * length + 2);
  const view = new DataView(map.buffer);
  view.setUint32(0, 4 * length, true);
  for (let i = 0; i < length; i++) view.setUint32(4 + 4 * i, units[i] ?? 0, true);
  map.set([0x20, 0], 4 + 4 * length);
  return map;
}
