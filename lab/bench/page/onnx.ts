/**
 * An ONNX model file with one MatMul node: C [M, N] = A [M, K] B [K, N], f32. The fields are numbered as in onnx.proto
 * (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto) and encoded as protocol buffers.
 */
export function matmulModel(M: number, K: number, N: number): Uint8Array {
  const node = message([text(1, 'A'), text(1, 'B'), text(2, 'C'), text(4, 'MatMul')]);
  const graph = message([
    field(1, node),
    text(2, 'matmul'),
    field(11, valueInfo('A', [M, K])),
    field(11, valueInfo('B', [K, N])),
    field(12, valueInfo('C', [M, N])),
  ]);
  const operators = message([text(1, ''), number(2, 17)]); // the default domain, opset 17
  return Uint8Array.from(message([number(1, 8), field(7, graph), field(8, operators)])); // IR version 8
}

type Bytes = readonly number[];

/** ValueInfoProto: a name, and the type of a tensor of f32 (elem_type 1) with fixed sizes. */
function valueInfo(name: string, sides: readonly number[]): Bytes {
  const shape = message(sides.map((side) => field(1, message([number(1, side)]))));
  const tensor = message([number(1, 1), field(2, shape)]);
  return message([text(1, name), field(2, message([field(1, tensor)]))]);
}

const message = (fields: readonly Bytes[]): Bytes => fields.flat();

/** Seven bits per byte, lowest first; the eighth says that more follow. */
const varint = (value: number): Bytes =>
  value < 128 ? [value] : [(value % 128) + 128, ...varint(Math.floor(value / 128))];

/** Wire type 0. */
const number = (id: number, value: number): Bytes => [...varint(id * 8), ...varint(value)];

/** Wire type 2: text, and messages within messages. */
const field = (id: number, content: Bytes): Bytes => [...varint(id * 8 + 2), ...varint(content.length), ...content];

const text = (id: number, content: string): Bytes => field(id, [...new TextEncoder().encode(content)]);
