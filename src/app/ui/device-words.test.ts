import { describe, expect, it } from 'vitest';
import { DEVICE_REASONS } from '../../base/device-choice.ts';
import type { DeviceOutlook } from '../../worker/protocol.ts';
import { deviceLine, deviceName, gpuObstacle, reasonNote, singleThreadNote } from './device-words.ts';

const CPU: DeviceOutlook = {
  kind: 'wasm',
  why: 'no-adapter',
  name: 'CPU by WebAssembly, SIMD, 2 threads',
  isSoftwareAdapter: false,
  threads: 2,
  singleThread: null,
  bufferBytes: 1,
};
const GPU: DeviceOutlook = { ...CPU, kind: 'webgpu', why: 'hardware', name: 'RTX', threads: null };

describe('the device line', () => {
  it.each([
    [CPU, true, 'the CPU (WebAssembly, 2 threads): the browser found no usable graphics card', 'no-adapter'],
    [{ ...CPU, why: 'no-webgpu', threads: 1 } as const, true, '1 thread): this browser has no WebGPU', 'no-webgpu'],
    [{ ...CPU, why: 'no-webgpu' } as const, false, 'over https or from this machine', 'insecure'],
    [{ ...CPU, why: 'software-adapter' } as const, true, 'is software, which is slower', 'software-adapter'],
    [{ ...CPU, why: 'asked' } as const, true, '2 threads), as you chose.', null],
    [GPU, true, 'Trains on the graphics card (RTX).', null],
    [{ ...GPU, why: 'asked' } as const, true, '(RTX), as you chose.', null],
    [
      { ...GPU, why: 'asked', isSoftwareAdapter: true } as const,
      true,
      'a software graphics adapter, as you chose.',
      'software-adapter',
    ],
  ] as const)('for %o (secure: %s) says “%s”', (outlook, isSecure, words, obstacle) => {
    expect(deviceLine(outlook, isSecure)).toContain(words);
    expect(gpuObstacle(outlook, isSecure)).toBe(obstacle);
  });

  it('exists for every reason', () => {
    for (const why of DEVICE_REASONS) {
      for (const outlook of [CPU, GPU]) expect(deviceLine({ ...outlook, why }, true)).toMatch(/^Trains on .*\.$/);
    }
  });
});

it('explains why there is only one thread', () => {
  const note = (singleThread: DeviceOutlook['singleThread'], isSecure = true): string | null =>
    singleThreadNote({ ...CPU, threads: 1, singleThread }, isSecure);
  expect(note('not-isolated')).toContain('COOP and COEP');
  expect(note('not-isolated', false)).toContain('https');
  expect(note('no-worker')).toContain('reload');
  expect([note('one-core'), note(null)]).toEqual([null, null]);
});

it('names a run’s device, and says when it is software', () => {
  const cpu = { kind: 'wasm', why: 'no-webgpu', software: true } as const;
  expect(reasonNote(cpu)).toBe('no WebGPU');
  expect(reasonNote({ ...cpu, why: 'asked' })).toBe('');
  expect(reasonNote({ kind: 'webgpu', why: 'asked', software: true })).toBe('software');
  expect(reasonNote({ kind: 'webgpu', why: 'hardware', software: false })).toBe('');
  expect(deviceName({ description: '', vendor: 'google', architecture: 'swiftshader' })).toBe('google swiftshader');
  expect(deviceName({ description: '', vendor: '', architecture: '' })).toBe('unnamed');
});
