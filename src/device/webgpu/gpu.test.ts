import { expect, test } from 'vitest';
import { type Adapter, factsOf, openAdapter } from './gpu.ts';

const limits = { maxBufferSize: 7, maxImmediateSize: 64 };

test('what an adapter reports', () => {
  const adapter = { info: { vendor: 'acme' }, features: new Set(['shader-f16']), limits } as unknown as Adapter;
  const facts = factsOf(adapter);
  expect(facts).toMatchObject({ kind: 'webgpu', vendor: 'acme', software: false, features: ['shader-f16'] });
  expect(facts.limits.maxBufferSize).toBe(7);
});

test.each([
  ['an old browser', undefined, 0],
  ['one whose WGSL has none', new Set(['pointer_composite_access']), 0],
  ['one whose WGSL has them', new Set(['immediate_address_space']), 64],
])('immediates of %s', async (_, wgslLanguageFeatures, bytes) => {
  const device = { limits, queue: {}, lost: new Promise(() => undefined) };
  const adapter = { features: new Set(), limits, wgslLanguageFeatures, requestDevice: () => Promise.resolve(device) };
  expect((await openAdapter(adapter as unknown as Adapter)).immediateBytes).toBe(bytes);
});
