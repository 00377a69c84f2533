import { GorpError } from '../base/errors.ts';
import { formatBytes } from '../base/format-bytes.ts';
import { ONNX_DTYPES, type OnnxDtype } from './dtypes.ts';
import { bytesOf } from './external-data.ts';
import { onnxModel } from './model-graphs.ts';

/** What onnxruntime-web can hold at most: its memory has 32-bit addresses. */
export const RUNTIME_BYTES = 4 * 2 ** 30;

/**
 * Bytes that the weights of an export take once onnxruntime has loaded them. It unfolds f16 to f32.
 *
 * @throws GorpError `model/bad-config`.
 */
export function loadedBytes(config: unknown, dtype: OnnxDtype): number {
  const unread = (): never => {
    throw new Error('a plan reads no weights');
  };
  const graphs = [...onnxModel(config).graphs(dtype, unread).values()];
  const tensors = graphs.flatMap((graph) => graph.tensors());
  return tensors.reduce((sum, tensor) => sum + bytesOf(tensor) * (tensor.element === 'f16' ? 2 : 1), 0);
}

/**
 * @param limit bytes that may be taken.
 * @throws GorpError `weights/onnx-too-large`, with the form of the weights that fits, where there is one.
 */
export function checkRuntimeHolds(config: unknown, dtype: OnnxDtype, limit = RUNTIME_BYTES): void {
  const needed = loadedBytes(config, dtype);
  if (needed <= limit) return;
  const fitting = ONNX_DTYPES.find((other) => loadedBytes(config, other) <= limit);
  throw new GorpError(
    'weights/onnx-too-large',
    `The model as ${dtype} takes ${formatBytes(needed)} in onnxruntime-web, which may take ${formatBytes(limit)} here.`,
    fitting
      ? `Export it as ${fitting}.`
      : 'Choose a smaller model, or run the export with onnxruntime outside a browser.',
  );
}
