import { type GgufDtype, learnedName } from '../gguf/names.ts';
import type { OnnxDtype } from '../onnx/dtypes.ts';

/**
 * What to write: all files of the rounds, the model to share, or the model with the last round merged in, for Hugging Face libraries, for
 * ONNX runtimes or as GGUF; of GGUF also the adapter alone.
 */
export type SavedAs =
  | { what: 'zip' | 'merge' | 'gguf-adapter' }
  | { what: 'share'; withTests: boolean }
  | { what: 'onnx'; dtype: OnnxDtype }
  | { what: 'gguf'; dtype: GgufDtype };

/** The name of the archive. @param learned names of what the model has learned. */
export function archiveName(as: SavedAs, learned: readonly string[]): string {
  const what = learnedName(learned);
  switch (as.what) {
    case 'zip':
      return 'gorp-web-rounds.zip';
    case 'share':
      return `${what}.zip`;
    case 'merge':
      return `gorp-web-model-${what}.zip`;
    case 'onnx':
      return `gorp-web-onnx-${as.dtype}-${what}.zip`;
    case 'gguf':
      return `gorp-web-gguf-${as.dtype}-${what}.zip`;
    case 'gguf-adapter':
      return `gorp-web-gguf-adapter-${what}.zip`;
  }
}
