import { expect, test } from 'vitest';
import { abilitiesOf } from './gpu.ts';

test('what an adapter reports', () => {
  const limits = { maxStorageBuffersPerShaderStage: 8, maxBufferSize: 7 };
  const adapter = { info: { vendor: 'acme' }, features: new Set(['shader-f16']), limits } as unknown as GPUAdapter;
  const { facts, storageBuffers } = abilitiesOf(adapter);
  expect(storageBuffers).toBe(8);
  expect(facts).toMatchObject({ kind: 'webgpu', vendor: 'acme', software: false, features: ['shader-f16'] });
  expect(facts.limits.maxBufferSize).toBe(7);
});
