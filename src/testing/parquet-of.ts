import { ByteWriter } from 'hyparquet-writer';
import { serializeTCompactProtocol } from 'hyparquet-writer/src/thrift.js';

/** A structure of Thrift's compact protocol, by field. */
export type Fields = Readonly<Record<`field_${number}`, unknown>>;

/** A page as it is in a file, whatever its header says of it. */
export interface MadePage {
  readonly header: Fields;
  readonly bytes: Uint8Array;
}

/** A column of texts, of which nothing has to be true. */
export interface MadeColumn {
  readonly name: string;
  readonly pages: readonly MadePage[];
  /** A number of Parquet's list of codecs; 0 for none. */
  readonly codec?: number;
  /** Further fields of its metadata, in place of the true ones. */
  readonly said?: Fields;
}

/** The numbers of the format's names. */
export const CODEC = { snappy: 1, gzip: 2, brotli: 4, lz4: 5, zstd: 6, lz4Raw: 7 } as const;
export const ENCODING = { plain: 0, deltaBinary: 5, deltaLength: 6, deltaBytes: 7, dictionary: 8, split: 9 } as const;

const thrift = (fields: Fields): Uint8Array => {
  const writer = new ByteWriter();
  serializeTCompactProtocol(writer, { ...fields });
  return new Uint8Array(writer.getBuffer());
};

/** A page of values. @param bytes as its codec has packed them. */
export const dataPage = (
  values: number,
  encoding: number,
  bytes: Uint8Array,
  { unpacked = bytes.length, more = {} }: { unpacked?: number; more?: Fields } = {},
): MadePage => ({
  header: {
    field_1: 0,
    field_2: unpacked,
    field_3: bytes.length,
    field_5: { field_1: values, field_2: encoding, field_3: 3, field_4: 3, ...more },
  },
  bytes,
});

/** A dictionary of texts, not compressed. */
export function dictionaryPage(texts: readonly string[]): MadePage {
  const bytes = plainTexts(texts);
  return {
    header: {
      field_1: 2,
      field_2: bytes.length,
      field_3: bytes.length,
      field_7: { field_1: texts.length, field_2: 0 },
    },
    bytes,
  };
}

/** Texts as plain values. */
export function plainTexts(texts: readonly string[]): Uint8Array {
  const writer = new ByteWriter();
  for (const text of texts) {
    const bytes = new TextEncoder().encode(text);
    writer.appendUint32(bytes.length);
    writer.appendBytes(bytes);
  }
  return new Uint8Array(writer.getBuffer());
}

/** A Parquet file of one row group of texts without missing values. @param said further fields of its footer. */
export function parquetOf(columns: readonly MadeColumn[], rows: number, said: Fields = {}): Uint8Array<ArrayBuffer> {
  const writer = new ByteWriter();
  writer.appendBytes(new TextEncoder().encode('PAR1'));
  const metadata = columns.map(({ name, pages, codec = 0, said: more = {} }) => {
    const offset = writer.offset;
    for (const { header, bytes } of pages) {
      writer.appendBytes(thrift(header));
      writer.appendBytes(bytes);
    }
    const size = BigInt(writer.offset - offset);
    const fields = {
      field_1: 6,
      field_2: [0],
      field_3: [name],
      field_4: codec,
      field_5: BigInt(rows),
      field_6: size,
      field_7: size,
      field_9: BigInt(offset),
      ...more,
    };
    return { field_2: BigInt(offset), field_3: fields };
  });
  const schema = columns.map(({ name }) => ({ field_1: 6, field_3: 0, field_4: name, field_6: 0 }));
  return withFooter(
    new Uint8Array(writer.getBuffer()),
    thrift({
      field_1: 1,
      field_2: [{ field_4: 'schema', field_5: columns.length }, ...schema],
      field_3: BigInt(rows),
      field_4: [{ field_1: metadata, field_2: 0n, field_3: BigInt(rows) }],
      ...said,
    }),
  );
}

/** Pages with a footer of any bytes behind them. */
export function withFooter(pages: Uint8Array, footer: Uint8Array): Uint8Array<ArrayBuffer> {
  const writer = new ByteWriter();
  writer.appendBytes(pages);
  writer.appendBytes(footer);
  writer.appendUint32(footer.length);
  writer.appendBytes(new TextEncoder().encode('PAR1'));
  return new Uint8Array(writer.getBuffer());
}
