import type { FileMetaData, SchemaElement } from 'hyparquet';
import { MAX_NESTING } from '../../base/nesting.ts';

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

/** Part of a file, by bytes: a Blob, a file on disk, or an address that answers ranges. */
export interface ByteSource {
  readonly byteLength: number;
  slice(start: number, end?: number): Promise<ArrayBuffer>;
}

/** Values of a column that belong together in the file. A column of lists or objects has several. */
export interface Leaf {
  /** Names from the column down. */
  readonly path: readonly string[];
  readonly element: SchemaElement;
  /** Whether the column, or a part of it, has a type that no text is made of: geometries and variants. */
  readonly isOther: boolean;
  /** Highest levels, by which lists and missing values are told; 0 if it has none. */
  readonly repetition: number;
  readonly definition: number;
}

/** Bytes at the end of a file that are read at once; most footers fit. */
const TAIL = 2 ** 19;
/** Numbers, texts and objects in a footer, those of 50,000 row groups of a column, or of 500 of 100. */
const MAX_ENTRIES = 2 ** 22;
/** Types that a file's own functions would make of bytes, with no bound to what comes of them. */
const OTHER_TYPES = ['VARIANT', 'GEOMETRY', 'GEOGRAPHY'];

/** Reads what a file says of itself, once it is known to claim no more than its bytes hold. @throws Error. */
export async function readFooter(source: ByteSource): Promise<FileMetaData> {
  const { byteLength } = source;
  const { parquetMetadata } = await import('hyparquet');
  const from = Math.max(0, byteLength - TAIL);
  let bytes = new Uint8Array(await source.slice(from, byteLength));
  if (bytes.length < 12 || new TextDecoder('latin1').decode(bytes.subarray(-4)) !== 'PAR1')
    throw new Error('it does not end as one');
  const length = new DataView(bytes.buffer).getUint32(bytes.length - 8, true);
  if (length > byteLength - 12) throw new Error(`its footer of ${length} bytes is longer than the file`);
  if (length + 8 > bytes.length)
    bytes = new Uint8Array(await new Blob([await source.slice(byteLength - length - 8, from), bytes]).arrayBuffer());
  checkThrift(new DataView(bytes.buffer, 0, bytes.length - 8), bytes.length - 8 - length, MAX_ENTRIES);
  return parquetMetadata(bytes.buffer, { geoparquet: false });
}

/**
 * The columns of a file, down to their values.
 *
 * @throws Error if it lacks some that it announces, if they are nested too deep, or if a row group has others.
 */
export function leavesOf({ schema, row_groups: groups }: FileMetaData): Leaf[] {
  const leaves: Leaf[] = [];
  let at = 1; // after the root
  const walk = (children: number, above: Pick<Leaf, 'path' | 'isOther' | 'repetition' | 'definition'>): void => {
    if (above.path.length > MAX_NESTING) throw new Error(`its columns are nested more than ${MAX_NESTING} deep`);
    for (let child = 0; child < children; child++) {
      const element = schema.at(at++);
      if (element === undefined) throw new Error('its schema lacks columns');
      const { name, num_children: own = 0, repetition_type: repetition, logical_type: type } = element;
      const here = {
        path: [...above.path, name],
        isOther: above.isOther || (type !== undefined && OTHER_TYPES.includes(type.type)),
        repetition: above.repetition + (repetition === 'REPEATED' ? 1 : 0),
        definition: above.definition + (repetition === 'REQUIRED' ? 0 : 1),
      };
      if (own > 0) walk(own, here);
      else leaves.push({ ...here, element });
    }
  };
  walk(schema[0]?.num_children ?? 0, { path: [], isOther: false, repetition: 0, definition: 0 });
  // The library loses errors of any others: they end the process.
  const paths = leaves.map(({ path }) => path.join('.')).join('\n');
  for (const { columns } of groups)
    if (columns.map(({ meta_data: one }) => one?.path_in_schema.join('.')).join('\n') !== paths)
      throw new Error('a row group has other columns than the schema');
  return leaves;
}
