/**
 * Writes protobuf messages: only the part of the wire format that an ONNX file needs (protobuf.dev, "Encoding").
 * Libraries hold whole messages as objects and need generated code, which would be longer than this.
 */

const VARINT = 0;
const LENGTH_DELIMITED = 2;
const FIXED_32 = 5;

/** One message. Fields are written in the order of the calls. */
export class Message {
  readonly #pieces: Uint8Array[] = [];

  /** An integer, `int64` or an enum; negative ones take ten bytes. */
  int(field: number, value: number | bigint): this {
    this.#key(field, VARINT);
    this.#varint(BigInt(value));
    return this;
  }

  /** A `float`. */
  float(field: number, value: number): this {
    this.#key(field, FIXED_32);
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setFloat32(0, value, true);
    this.#pieces.push(bytes);
    return this;
  }

  /** A `string`. */
  text(field: number, value: string): this {
    return this.bytes(field, new TextEncoder().encode(value));
  }

  /** A `bytes` field. */
  bytes(field: number, value: Uint8Array): this {
    this.#key(field, LENGTH_DELIMITED);
    this.#varint(BigInt(value.length));
    this.#pieces.push(value);
    return this;
  }

  /** A message inside this one. */
  message(field: number, value: Message): this {
    return this.bytes(field, value.encoded());
  }

  /** The bytes of all fields so far. */
  encoded(): Uint8Array<ArrayBuffer> {
    const all = new Uint8Array(this.#pieces.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const piece of this.#pieces) {
      all.set(piece, at);
      at += piece.length;
    }
    return all;
  }

  #key(field: number, wireType: number): void {
    this.#varint(BigInt(field * 8 + wireType));
  }

  /** Seven bits per byte, lowest first; negative numbers as 64-bit two's complement. */
  #varint(value: bigint): void {
    const bytes: number[] = [];
    let rest = BigInt.asUintN(64, value);
    while (rest >= 0x80n) {
      bytes.push(Number(rest & 0x7fn) | 0x80);
      rest >>= 7n;
    }
    bytes.push(Number(rest));
    this.#pieces.push(Uint8Array.from(bytes));
  }
}
