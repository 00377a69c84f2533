import { expect, test } from 'vitest';
import { methodPreset } from '../methods/registry.ts';
import { spaceSamples } from './space-samples.ts';

const T5 = { readsAnswersApart: true };
const DECODER = { readsAnswersApart: false };

test('a model with layers that see only answers reads more prompts for its spaces', () => {
  const method = methodPreset('gorp-plus');
  expect(spaceSamples(method, DECODER)).toEqual({ begin: 16, end: 48 });
  expect(spaceSamples(method, T5)).toEqual({ begin: 16, end: 192 });
});

test('adapters made from inputs read as many when a task begins; spaces of moments read none', () => {
  expect(spaceSamples(methodPreset('inf-lora'), DECODER)).toEqual({ begin: 48, end: 48 });
  expect(spaceSamples(methodPreset('gorp'), T5)).toEqual({ begin: 0, end: 0 });
});
