import { expect, test } from 'vitest';
import { methodPreset } from '../../methods/registry.ts';
import { embeddedSettings } from '../planning/presets.ts';
import { startingMethod, withModel } from './starting-values.ts';

const REAL = 'HuggingFaceTB/SmolLM2-135M-Instruct';

test('a pre-trained model starts with published or validated values and long prompts, an embedded one with its own', () => {
  expect(startingMethod(REAL, 'inf-lora')).toEqual(methodPreset('inf-lora'));
  const validated = {
    learningRate: 5e-4,
    galoreLearningRate: 8e-3,
    updateProjGap: 1,
    softness: 1,
    protects: 'general',
  };
  expect(startingMethod(REAL, 'gorp-plus')).toEqual({ ...methodPreset('gorp-plus'), ...validated });
  expect(startingMethod('embedded-llama', 'gorp-plus')).toMatchObject({ learningRate: 3e-3, loraDropout: 0 });
  expect(embeddedSettings('full', 'gorp', REAL)).toMatchObject({
    model: REAL,
    method: methodPreset('gorp'),
    training: { sourceLength: 256, epochs: 2, lrSchedulerType: 'linear', trainedBlocks: 'later' },
  });
});

test('another kind of model changes what still has its starting value, and nothing that was entered', () => {
  const toy = embeddedSettings('full', 'gorp-plus');
  const { method, training } = embeddedSettings('full', 'gorp-plus', REAL);
  expect(withModel(toy, REAL)).toMatchObject({ model: REAL, method, training });
  const entered = { ...toy, method: { ...toy.method, learningRate: 7e-4 } };
  expect(withModel(entered, REAL).method).toEqual({ ...startingMethod(REAL, 'gorp-plus'), learningRate: 7e-4 });
  expect(withModel(withModel(toy, REAL), 'embedded')).toEqual(toy);
});
