import type { GalleryModel } from '../../weights/gallery.ts';

/** What can be known of a device before anything is put on it. */
export interface DeviceLimits {
  /** Largest buffer, and largest part of one that a kernel may see. Null until it is known. */
  bufferBytes: number | null;
  /** Memory that the user lets a run have. Null where nothing was entered. */
  budgetBytes: number | null;
  /** Free and used storage of this page together, less what is used. Null where the browser does not tell. */
  storageBytes: number | null;
}

/** Trained weights are f32. */
const BYTES_PER_VALUE = 4;

/** Why a device cannot hold a model, in words; null where nothing is known against it. */
export function whyTooLarge(
  { trainingBytes, largestTrained, bytes }: Pick<GalleryModel, 'trainingBytes' | 'largestTrained' | 'bytes'>,
  { bufferBytes, budgetBytes, storageBytes }: DeviceLimits,
): string | null {
  if (bufferBytes !== null && largestTrained * BYTES_PER_VALUE > bufferBytes)
    return 'a weight that is trained is larger than one buffer may be';
  if (budgetBytes !== null && trainingBytes > budgetBytes)
    return 'more than the memory to use; fewer bits and shorter prompts take less';
  if (storageBytes !== null && bytes > storageBytes) return 'the browser has no room for the files';
  return null;
}
