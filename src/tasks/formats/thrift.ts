/** Types of Thrift's compact protocol that Parquet uses. */
const [STOP, TRUE, FALSE, BYTE, I16, I32, I64, DOUBLE, BINARY, LIST, STRUCT] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 12];
/** Lists and structures within each other; those of Parquet are nested half as deep. */
const MAX_DEPTH = 24;
/** Bytes of a number of 64 bits, seven bits in each. */
const MAX_VARINT = 10;

/**
 * Checks a structure of Thrift's compact protocol before a library reads it: lists of at most as many entries as there
 * are bytes, numbers of at most 64 bits. A library makes room for as many entries as a list announces, and adds up
 * numbers of any length: a hundred bytes would fill the memory.
 *
 * @param most entries of all its lists and fields.
 * @returns the position after it.
 * @throws Error.
 */
export function checkThrift(view: DataView, begin: number, most: number): number {
  const end = view.byteLength;
  let [at, entries] = [begin, 0];
  const skip = (bytes: number): void => {
    at += bytes;
    if (at > end) throw new Error('it ends within a field');
  };
  const byte = (): number => {
    skip(1);
    return view.getUint8(at - 1);
  };
  const varint = (): number => {
    let value = 0;
    for (let i = 0; i < MAX_VARINT; i++) {
      const next = byte();
      value += (next & 127) * 2 ** (7 * i);
      if (next < 128) return value;
    }
    throw new Error('it has a number of more than 64 bits');
  };
  const count = (more: number): void => {
    entries += more;
    if (entries > most) throw new Error(`it has more than ${most} entries`);
  };
  const element = (type: number, depth: number): void => {
    if (depth > MAX_DEPTH) throw new Error('its fields are nested too deep');
    switch (type) {
      case BYTE:
        return skip(1);
      case I16:
      case I32:
      case I64:
        return void varint();
      case DOUBLE:
        return skip(8);
      case BINARY:
        return skip(varint());
      case LIST: {
        const head = byte();
        const size = head >> 4 === 15 ? varint() : head >> 4;
        if (size > end - at) throw new Error(`it has a list of ${size} entries in ${end - at} bytes`);
        count(size);
        const inner = head & 15;
        for (let i = 0; i < size; i++) element(inner === TRUE || inner === FALSE ? BYTE : inner, depth + 1);
        return;
      }
      case STRUCT:
        for (let field = byte(); (field & 15) !== STOP; field = byte()) {
          count(1);
          if (field >> 4 === 0) varint();
          const inner = field & 15;
          if (inner !== TRUE && inner !== FALSE) element(inner, depth + 1);
        }
        return;
      default:
        throw new Error(`it has a field of an unknown type (${type})`);
    }
  };
  element(STRUCT, 0);
  return at;
}
