/** What Unicode calls white space, besides the space. */
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
