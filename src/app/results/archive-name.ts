import type { OnnxDtype } from '../../onnx/dtypes.ts';

/**
 * What to write: all files of the rounds, or the model with the last round merged in, for Hugging Face libraries or for
 * ONNX runtimes.
 */
export type SavedAs = { what: 'zip' | 'merge' } | { what: 'onnx'; dtype: OnnxDtype };

/** The name of the archive. @param method name of the run's method. */
export function archiveName(as: SavedAs, method: string): string {
  switch (as.what) {
    case 'zip':
      return 'gorp-web-rounds.zip';
    case 'merge':
      return `gorp-web-model-${method}.zip`;
    case 'onnx':
      return `gorp-web-onnx-${as.dtype}-${method}.zip`;
  }
}
