import { describe, expect, it } from 'vitest';
import { embeddedSettings } from '../../run/planning/presets.ts';
import type { ModelModules } from '../../run/settings/trained-modules.ts';
import {
  layersInWords,
  namesLayers,
  shortName,
  trainingOf,
  withAllLayers,
  withOwnLayers,
  withTraining,
} from './TrainedLayersField.tsx';
import { draftIssues } from '../state/validate.ts';

const LAYER = 'model.layers.*';
const [Q, V, GATE, UP] = ['self_attn.q_proj', 'self_attn.v_proj', 'mlp.gate_proj', 'mlp.up_proj'].map(
  (name) => `${LAYER}.${name}`,
);
const MODEL: ModelModules = {
  modules: [Q, V, GATE, UP].map((name) => ({ name, layers: 6, out: 8, inputs: 8 })),
  defaults: { lora: [Q, V], fullRank: [GATE] },
};
const draft = embeddedSettings('quick', 'gorp');

describe('trained layers', () => {
  it('are the family’s defaults until others are chosen, and follow the model’s order', () => {
    expect([Q, GATE, UP].map((name) => trainingOf(draft, MODEL, name))).toEqual(['lora', 'fullRank', 'frozen']);
    expect(layersInWords(draft, MODEL)).toBe('12 with LoRA, 6 full-rank');
    const later = { ...draft, training: { ...draft.training, trainedBlocks: 'later' as const } };
    expect(layersInWords(later, MODEL)).toBe('6 with LoRA, 3 full-rank');
    const more = withTraining(withTraining(draft, MODEL, UP, 'lora'), MODEL, Q, 'frozen');
    expect(more.training).toMatchObject({ loraModules: [V, UP], fullRankModules: null });
    expect([namesLayers(draft), namesLayers(more)]).toEqual([false, true]);
    expect(withOwnLayers(more)).toEqual(draft);
    const back = withTraining(withTraining(more, MODEL, Q, 'lora'), MODEL, UP, 'frozen');
    expect(back).toEqual(draft);
  });

  it('are all trained by one choice: the frozen ones with LoRA, the others as before', () => {
    const all = withAllLayers(draft, MODEL);
    expect([Q, V, GATE, UP].map((name) => trainingOf(all, MODEL, name))).toEqual(['lora', 'lora', 'fullRank', 'lora']);
    const full = withAllLayers({ ...draft, method: embeddedSettings('quick', 'seq-ft').method }, MODEL);
    expect(layersInWords(full, MODEL)).toBe('24 full-rank');
  });

  it('are each trained in only one way', () => {
    const moved = withTraining(draft, MODEL, GATE, 'lora');
    expect(moved.training).toMatchObject({ loraModules: [Q, V, GATE], fullRankModules: [] });
    expect(draftIssues(moved, undefined, MODEL).get('training.fullRankModules')).toContain('full-rank');
    expect(trainingOf(moved, MODEL, GATE)).toBe('lora');
  });

  it('leave the full-rank layers alone when the method has only LoRA', () => {
    const alone = { ...draft, method: embeddedSettings('quick', 'seq-lora').method };
    const changed = withTraining(alone, MODEL, GATE, 'lora');
    expect(changed.training).toMatchObject({ loraModules: [Q, V, GATE], fullRankModules: null });
    expect(draftIssues(changed, undefined, MODEL).size).toBe(0);
    // A method that also trains full-rank would train the layer both ways.
    const both = { ...changed, method: draft.method };
    expect(draftIssues(both, undefined, MODEL).get('training.fullRankModules')).toContain('both');
  });

  it('have short names', () => {
    expect(shortName(Q)).toBe('self_attn.q_proj');
    expect(shortName('encoder.block.*.layer.*.SelfAttention.q')).toBe('encoder.SelfAttention.q');
  });
});
