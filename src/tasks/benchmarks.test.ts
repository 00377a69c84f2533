import { expect, test } from 'vitest';
import { bearerOf } from './benchmarks.ts';

test.each([
  ['gloss', 'an embedded task'],
  ['kinds', 'an embedded task'],
  ['agnews', 'a dataset of CL_Benchmark'],
  ['task591', 'a dataset of SuperNI'],
  ['ScienceQA', 'a dataset of TRACE'],
  ['reviews', undefined],
  ['constructor', undefined],
])('the name %s is that of %s', (name, bearer) => {
  expect(bearerOf(name)).toBe(bearer);
});
