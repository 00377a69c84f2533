import { GorpError } from '../base/errors.ts';
import { formatBytes } from '../base/format-bytes.ts';
import { ONNX_DTYPES, type OnnxDtype } from './dtypes.ts';
import { bytesOf } from './external-data.ts';
import { onnxModel } from './model-graphs.ts';
import { RUNTIME_BYTES } from './runtime-limit.ts';

/**
 * Bytes of an export's weights after onnxruntime has loaded them. It expands f16 to f32.
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
 * @param limit maximum bytes allowed.
 * @param advise what to do if another weight format fits.
 * @throws GorpError `weights/onnx-too-large`, with a weight format that fits, if any.
 */
export function checkRuntimeHolds(
  config: unknown,
  dtype: OnnxDtype,
  limit = RUNTIME_BYTES,
  advise = (fitting: OnnxDtype): string => `Export it as ${fitting}.`,
): void {
  const needed = loadedBytes(config, dtype);
  if (needed <= limit) return;
  const fitting = ONNX_DTYPES.find((other) => loadedBytes(config, other) <= limit);
  throw new GorpError(
    'weights/onnx-too-large',
    `The model as ${dtype} takes ${formatBytes(needed)} in onnxruntime-web; the limit here is ${formatBytes(limit)}.`,
    fitting ? advise(fitting) : 'Choose a smaller model, or run the export with onnxruntime outside a browser.',
  );
}
