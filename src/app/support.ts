/** Whether training can run in this browser, as far as the page can tell before it starts. */
export type Support = 'unknown' | 'ready' | Obstacle;

/** What keeps training from running here. */
export type Obstacle = 'insecure' | 'no-webgpu' | 'no-adapter';

/**
 * Looks for WebGPU and an adapter; opens no device.
 *
 * @param gpu `navigator.gpu`, undefined where the browser has none.
 * @param secure `isSecureContext`: elsewhere browsers hide WebGPU, and a newer browser would not help.
 */
export async function webGpuSupport(gpu: Pick<GPU, 'requestAdapter'> | undefined, secure: boolean): Promise<Support> {
  if (gpu === undefined) return secure ? 'no-webgpu' : 'insecure';
  try {
    return (await gpu.requestAdapter()) === null ? 'no-adapter' : 'ready';
  } catch {
    return 'no-adapter';
  }
}

/** What an error of a run says about the browser; null where it is about something else. */
export function obstacleFromError(code: string | undefined): Obstacle | null {
  if (code === 'gpu/unsupported') return 'no-webgpu';
  if (code === 'gpu/no-adapter') return 'no-adapter';
  return null;
}

/** What keeps training from running; null where nothing is known to. */
export const obstacleOf = (support: Support): Obstacle | null =>
  support === 'unknown' || support === 'ready' ? null : support;
