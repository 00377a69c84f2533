import { expect, test } from 'vitest';
import { methodPreset } from '../../methods/registry.ts';
import { answersOfPrompt, spaceSamples } from './space-samples.ts';

const T5 = { readsAnswersApart: true, embeddingWidth: 512, byPrompt: false };
const SMALL_T5 = { readsAnswersApart: true, embeddingWidth: 256, byPrompt: false };
const DECODER = { readsAnswersApart: false, embeddingWidth: 512, byPrompt: false };

test('a model with layers that see only answers reads several with each prompt', () => {
  const method = methodPreset('gorp-plus');
  expect(spaceSamples(method, DECODER)).toEqual({ begin: 16, end: 48, hasSeveralAnswers: false });
  expect(spaceSamples(method, T5)).toEqual({ begin: 16, end: 40, hasSeveralAnswers: true });
});

test('a small one reads many prompts instead', () => {
  const method = methodPreset('gorp-plus');
  expect(spaceSamples(method, SMALL_T5)).toEqual({ begin: 16, end: 192, hasSeveralAnswers: false });
});

test('layers that depend on the prompt belong to it with its one answer, so more prompts are read', () => {
  const method = methodPreset('gain-lora');
  expect(spaceSamples(method, { ...T5, byPrompt: true })).toEqual({ begin: 192, end: 192, hasSeveralAnswers: false });
  expect(spaceSamples(method, { ...DECODER, byPrompt: true })).toEqual({
    begin: 48,
    end: 48,
    hasSeveralAnswers: false,
  });
});

test('adapters made from inputs read as many when a task begins; spaces of moments read none', () => {
  expect(spaceSamples(methodPreset('inf-lora'), DECODER)).toMatchObject({ begin: 48, end: 48 });
  expect(spaceSamples(methodPreset('gorp'), T5)).toMatchObject({ begin: 0, end: 0 });
});

test('the longer answers are, the fewer are read with a prompt', () => {
  const several = { begin: 16, end: 40, hasSeveralAnswers: true };
  expect([1, 3, 4, 5, 8, 9, 16, 50].map((tokens) => answersOfPrompt(several, tokens))).toEqual([
    4, 4, 4, 3, 2, 1, 1, 1,
  ]);
  expect(answersOfPrompt({ ...several, hasSeveralAnswers: false }, 2)).toBe(1);
});
