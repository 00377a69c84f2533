import { Message, modelMessage, nodeMessage, valueMessage } from '../../../src/onnx/onnx-messages.ts';

/** An ONNX model file with one MatMul node: C [M, N] = A [M, K] B [K, N], f32. */
export const matmulModel = (M: number, K: number, N: number): Uint8Array =>
  modelMessage(
    new Message()
      .message(1, nodeMessage('MatMul', ['A', 'B'], ['C'], {}, ''))
      .text(2, 'matmul')
      .message(11, valueMessage('A', 'f32', [M, K]))
      .message(11, valueMessage('B', 'f32', [K, N]))
      .message(12, valueMessage('C', 'f32', [M, N])),
    'bench',
  ).encoded();
