import { expect, test } from 'vitest';
import { abilitiesOf } from './adapter-abilities.ts';
import { SUBGROUP_MATRIX } from './subgroups.ts';

/** An adapter that reports only what abilities are read from. */
const adapterOf = (info: object, ...features: string[]): GPUAdapter =>
  ({ info, features: new Set(features), limits: { maxStorageBuffersPerShaderStage: 8 } }) as unknown as GPUAdapter;

test('an adapter without subgroups, or in a browser that does not tell their sizes', () => {
  expect(abilitiesOf(adapterOf({}))).toMatchObject({ storageBuffers: 8, lanes: null, matrices: [] });
  expect(abilitiesOf(adapterOf({}, 'subgroups')).lanes).toBeNull();
  // Sizes without the feature cannot be used.
  expect(abilitiesOf(adapterOf({ subgroupMinSize: 32, subgroupMaxSize: 32 })).lanes).toBeNull();
});

test('subgroups of one size with matrices, and of several sizes', () => {
  const matrix = { M: 16, N: 8, K: 4, componentType: 'f32', resultComponentType: 'f32' };
  const info = { subgroupMinSize: 32, subgroupMaxSize: 32, subgroupMatrixConfigs: [matrix] };
  expect(abilitiesOf(adapterOf(info, 'subgroups', SUBGROUP_MATRIX))).toMatchObject({
    lanes: { min: 32, max: 32 },
    matrices: ['f32 16×8×4'],
  });
  const varied = { ...info, subgroupMaxSize: 64 };
  expect(abilitiesOf(adapterOf(varied, 'subgroups', SUBGROUP_MATRIX))).toMatchObject({
    lanes: { min: 32, max: 64 },
    matrices: [],
  });
});
