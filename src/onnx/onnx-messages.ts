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

/** The messages of onnx.proto that an export needs, with the field numbers of onnx/onnx.proto. */

/** Element types by their number in `TensorProto.DataType`, and the bytes of one element. */
export const ELEMENT = {
  f32: { code: 1, bytes: 4 },
  u8: { code: 2, bytes: 1 },
  i64: { code: 7, bytes: 8 },
  f16: { code: 10, bytes: 2 },
} as const;

export type Element = keyof typeof ELEMENT;

/** An attribute of a node. Whole numbers are `INT`, so a float is marked as such. */
export type Attribute = number | readonly number[] | { float: number };

/** Opset 18 and IR version 8 have every kernel that the graphs need, on WebAssembly and WebGPU. */
const IR_VERSION = 8;
const OPSET = 18;
/** The domain of onnxruntime's own operators. */
export const MICROSOFT = 'com.microsoft';

/** A dimension: a size, or a name if the size is known only when the model runs. */
export type Dimension = number | string;

/** `ModelProto`. */
export function modelMessage(graph: Message, producer: string): Message {
  return new Message()
    .int(1, IR_VERSION)
    .text(2, producer)
    .message(7, graph)
    .message(8, new Message().int(2, OPSET))
    .message(8, new Message().text(1, MICROSOFT).int(2, 1));
}

/** `NodeProto`. An empty string omits an input. */
export function nodeMessage(
  operator: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes: Readonly<Record<string, Attribute>>,
  domain: string,
): Message {
  const node = new Message();
  for (const input of inputs) node.text(1, input);
  for (const output of outputs) node.text(2, output);
  node.text(3, `${outputs[0]}/${operator}`).text(4, operator);
  for (const [name, value] of Object.entries(attributes)) node.message(5, attributeMessage(name, value));
  return domain === '' ? node : node.text(7, domain);
}

function attributeMessage(name: string, value: Attribute): Message {
  const attribute = new Message().text(1, name);
  if (typeof value === 'number') return attribute.int(3, value).int(20, 2); // INT
  if ('float' in value) return attribute.float(2, value.float).int(20, 1); // FLOAT
  for (const item of value) attribute.int(8, item);
  return attribute.int(20, 7); // INTS
}

/** `ValueInfoProto`: an input or an output of the graph. */
export function valueMessage(name: string, element: Element, dimensions: readonly Dimension[]): Message {
  const shape = new Message();
  for (const size of dimensions) {
    shape.message(1, typeof size === 'number' ? new Message().int(1, size) : new Message().text(2, size));
  }
  const tensor = new Message().int(1, ELEMENT[element].code).message(2, shape);
  return new Message().text(1, name).message(2, new Message().message(1, tensor));
}

const tensorMessage = (name: string, element: Element, dimensions: readonly number[]): Message => {
  const tensor = new Message();
  for (const size of dimensions) tensor.int(1, size);
  return tensor.int(2, ELEMENT[element].code).text(8, name);
};

/** `TensorProto` with its content inside. */
export function inlineTensor(
  name: string,
  element: Element,
  dimensions: readonly number[],
  content: ArrayBufferView,
): Message {
  const bytes = new Uint8Array(content.buffer, content.byteOffset, content.byteLength);
  return tensorMessage(name, element, dimensions).bytes(9, bytes);
}

/** The place of a tensor's content: `location` is the name of a file next to the model's. */
export interface ExternalPlace {
  location: string;
  offset: number;
  length: number;
}

/** `TensorProto` with its content in another file. */
export function externalTensor(
  name: string,
  element: Element,
  dimensions: readonly number[],
  place: ExternalPlace,
): Message {
  const tensor = tensorMessage(name, element, dimensions);
  for (const [key, value] of Object.entries(place)) {
    tensor.message(13, new Message().text(1, key).text(2, String(value)));
  }
  return tensor.int(14, 1); // data_location EXTERNAL
}
