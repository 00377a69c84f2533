import type { GalleryModel } from '../../weights/gallery.ts';

/** What can be known of a device before anything is put on it. */
export interface DeviceLimits {
  /** Largest buffer, and largest part of one that a kernel may see. */
  bufferBytes: number;
  /** Free and used storage of this page together, less what is used. Null where the browser does not tell. */
  storageBytes: number | null;
}

/** Weights are kept as f32. */
const BYTES_PER_PARAMETER = 4;
/** Adapters, optimizer state and activations of a small batch, as a share of the weights, and at least so many bytes. */
const MARGIN_SHARE = 0.25;
const MARGIN_BYTES = 256 * 2 ** 20;

/** Bytes of GPU memory that training a model takes, about. */
export function roughTrainingBytes(parameters: number): number {
  const weights = parameters * BYTES_PER_PARAMETER;
  return weights + Math.max(MARGIN_BYTES, weights * MARGIN_SHARE);
}

/** Why a device cannot hold a model, in words; null where nothing is known against it. */
export function whyTooLarge(
  { largestTensor, bytes }: Pick<GalleryModel, 'largestTensor' | 'bytes'>,
  limits: DeviceLimits | null,
): string | null {
  if (limits === null) return null;
  if (largestTensor * BYTES_PER_PARAMETER > limits.bufferBytes) return 'its embedding is larger than a buffer may be';
  if (limits.storageBytes !== null && bytes > limits.storageBytes) return 'the browser has no room for the files';
  return null;
}

/** The limits of the adapter that training would use. Null without WebGPU. */
export async function bufferLimit(gpu: Pick<GPU, 'requestAdapter'> | undefined): Promise<number | null> {
  const adapter = await gpu?.requestAdapter().catch(() => null);
  if (adapter == null) return null;
  return Math.min(adapter.limits.maxBufferSize, adapter.limits.maxStorageBufferBindingSize);
}
