import { expect, test } from 'vitest';
import { abilitiesOf } from './adapter-abilities.ts';
import { lanesOf } from './subgroups.ts';

/** An adapter that reports only what abilities are read from. */
const adapterOf = (info: object, ...features: string[]): GPUAdapter =>
  ({ info, features: new Set(features), limits: { maxStorageBuffersPerShaderStage: 8 } }) as unknown as GPUAdapter;

test('an adapter without subgroups, or in a browser that does not tell their sizes', () => {
  expect(abilitiesOf(adapterOf({}))).toMatchObject({ storageBuffers: 8, lanes: null });
  expect(abilitiesOf(adapterOf({}, 'subgroups')).lanes).toBeNull();
  // Sizes without the feature cannot be used.
  const sizes = adapterOf({ subgroupMinSize: 32, subgroupMaxSize: 32 });
  expect(abilitiesOf(sizes).lanes).toBeNull();
  expect(lanesOf(sizes)).toBeUndefined();
});

test('subgroups of one size, and of several sizes', () => {
  const one = { subgroupMinSize: 32, subgroupMaxSize: 32 };
  expect(abilitiesOf(adapterOf(one, 'subgroups')).lanes).toEqual({ min: 32, max: 32 });
  expect(lanesOf(adapterOf(one, 'subgroups'))).toBe(32);
  const varied = { ...one, subgroupMaxSize: 64 };
  expect(abilitiesOf(adapterOf(varied, 'subgroups')).lanes).toEqual({ min: 32, max: 64 });
  expect(lanesOf(adapterOf(varied, 'subgroups'))).toBeUndefined();
});
