import type { GalleryModel } from '../../weights/gallery.ts';

/** The limits of a device that are known before anything is put on it. */
export interface DeviceLimits {
  /** The largest buffer that a kernel may bind as a whole. Null until known. */
  bufferBytes: number | null;
  /** The memory that the user lets a run use. Null if none was entered. */
  budgetBytes: number | null;
  /** The storage still free for this page. Null if the browser does not report it. */
  storageBytes: number | null;
}

/** Trained weights are f32. */
const BYTES_PER_VALUE = 4;

/** Why a device cannot hold a model, as a short text; null if no limit is known to be exceeded. */
export function whyTooLarge(
  { trainingBytes, largestTrained, bytes }: Pick<GalleryModel, 'trainingBytes' | 'largestTrained' | 'bytes'>,
  { bufferBytes, budgetBytes, storageBytes }: DeviceLimits,
): string | null {
  if (bufferBytes !== null && largestTrained * BYTES_PER_VALUE > bufferBytes)
    return 'a trained weight exceeds the largest buffer';
  if (budgetBytes !== null && trainingBytes > budgetBytes)
    return 'over “Memory to use”; fewer bits or shorter prompts need less';
  if (storageBytes !== null && bytes > storageBytes) return 'the browser has no room for the files';
  return null;
}
