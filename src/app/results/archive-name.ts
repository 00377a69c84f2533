import type { OnnxDtype } from '../../onnx/dtypes.ts';

/**
 * What is written: all files of the rounds, or the model with the last round merged in, as Hugging Face's tools or as
 * ONNX runtimes load it.
 */
export type SavedAs = { what: 'zip' | 'merge' } | { what: 'onnx'; dtype: OnnxDtype };

/** The name of the archive. @param method of the run. */
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
