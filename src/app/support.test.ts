import { describe, expect, it } from 'vitest';
import { obstacleFromError, obstacleOf, webGpuSupport } from './support.ts';

// An adapter's own properties are not looked at.
const gpu = (adapter: () => Promise<GPUAdapter | null>): Pick<GPU, 'requestAdapter'> => ({ requestAdapter: adapter });

describe('webGpuSupport', () => {
  it('tells the causes apart', async () => {
    expect(await webGpuSupport(undefined, true)).toBe('no-webgpu');
    expect(await webGpuSupport(undefined, false)).toBe('insecure');
    expect(
      await webGpuSupport(
        gpu(() => Promise.resolve(null)),
        true,
      ),
    ).toBe('no-adapter');
    expect(
      await webGpuSupport(
        gpu(() => Promise.reject(new Error('blocked'))),
        true,
      ),
    ).toBe('no-adapter');
    expect(
      await webGpuSupport(
        gpu(() => Promise.resolve({} as GPUAdapter)),
        true,
      ),
    ).toBe('ready');
  });
});

describe('obstacleOf and obstacleFromError', () => {
  it('know what stands in the way, and only that', () => {
    expect([obstacleOf('unknown'), obstacleOf('ready'), obstacleOf('insecure')]).toEqual([null, null, 'insecure']);
    expect(obstacleFromError('gpu/unsupported')).toBe('no-webgpu');
    expect(obstacleFromError('gpu/no-adapter')).toBe('no-adapter');
    expect(obstacleFromError('device/lost')).toBeNull();
    expect(obstacleFromError(undefined)).toBeNull();
  });
});
