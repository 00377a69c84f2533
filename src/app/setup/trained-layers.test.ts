import { describe, expect, it } from 'vitest';
import { embeddedSettings } from '../../run/presets.ts';
import type { ModelModules } from '../../run/trained-modules.ts';
import { layersInWords, namesLayers, shortName, trainingOf, withOwnLayers, withTraining } from './trained-layers.ts';
import { draftIssues } from './validate.ts';

const LAYER = 'model.layers.*';
const [Q, V, GATE, UP] = ['self_attn.q_proj', 'self_attn.v_proj', 'mlp.gate_proj', 'mlp.up_proj'].map(
  (name) => `${LAYER}.${name}`,
);
const MODEL: ModelModules = {
  modules: [Q, V, GATE, UP].map((name) => ({ name, layers: 6, out: 8, inputs: 8 })),
  defaults: { lora: [Q, V], fullRank: [GATE] },
};
const draft = embeddedSettings('quick', 'gorp');

describe('trained layers of a draft', () => {
  it('are those of the family until others are chosen, in the order of the model', () => {
    expect([Q, GATE, UP].map((name) => trainingOf(draft, MODEL, name))).toEqual(['lora', 'fullRank', 'frozen']);
    expect(layersInWords(draft, MODEL)).toBe('12 with LoRA, 6 full-rank');
    const more = withTraining(withTraining(draft, MODEL, UP, 'lora'), MODEL, Q, 'frozen');
    expect(more.training).toMatchObject({ loraModules: [V, UP], fullRankModules: null });
    expect([namesLayers(draft), namesLayers(more)]).toEqual([false, true]);
    expect(withOwnLayers(more)).toEqual(draft);
    const back = withTraining(withTraining(more, MODEL, Q, 'lora'), MODEL, UP, 'frozen');
    expect(back).toEqual(draft);
  });

  it('are trained in one way each', () => {
    const moved = withTraining(draft, MODEL, GATE, 'lora');
    expect(moved.training).toMatchObject({ loraModules: [Q, V, GATE], fullRankModules: [] });
    expect(draftIssues(moved, undefined, MODEL).get('training.fullRankModules')).toContain('full-rank');
    expect(trainingOf(moved, MODEL, GATE)).toBe('lora');
  });

  it('of a method that has LoRA alone leave the others as they are', () => {
    const alone = { ...draft, method: embeddedSettings('quick', 'seq-lora').method };
    const changed = withTraining(alone, MODEL, GATE, 'lora');
    expect(changed.training).toMatchObject({ loraModules: [Q, V, GATE], fullRankModules: null });
    expect(draftIssues(changed, undefined, MODEL).size).toBe(0);
    // With a method that trains full-rank, too, the layer would be trained in both ways.
    const both = { ...changed, method: draft.method };
    expect(draftIssues(both, undefined, MODEL).get('training.fullRankModules')).toContain('both');
  });

  it('have short names', () => {
    expect(shortName(Q)).toBe('self_attn.q_proj');
    expect(shortName('encoder.block.*.layer.*.SelfAttention.q')).toBe('encoder.SelfAttention.q');
  });
});
