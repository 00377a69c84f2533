import { expect, test } from 'vitest';
import { resultsOfScript } from '../../testing/scripted-results.ts';
import { type MethodName, withValues } from '../../methods/registry.ts';
import type { RunSettings } from '../settings/settings.ts';
import { embeddedSettings } from '../planning/presets.ts';
import { teachingFault } from '../settings/teaching.ts';
import { checkFits, checkCanContinue, checkRemembered, type SavedRound } from './saved-round.ts';

const ORDER = ['gloss', 'field', 'people'];

/** Resumes from the first round of one order in another. */
function resume(name: MethodName, order: readonly string[]): void {
  const settings = { ...embeddedSettings('quick', name), order: ORDER };
  checkCanContinue({ round: 1, results: resultsOfScript(settings) } as SavedRound, { ...settings, order: [...order] });
}

test.each(['inf-lora', 'osft'] as const)('%s resumes only in an order of the length it was set up for', (name) => {
  expect(() => resume(name, ['gloss', 'field', 'mood'])).not.toThrow();
  expect(() => resume(name, [...ORDER, 'emoji'])).toThrow(
    new RegExp(`${name} must know the number of tasks before the first; it was told 3`),
  );
  expect(() => resume(name, ['gloss', 'field'])).toThrow(/the order has 2/);
  // Whatever method is chosen next, no other builds on what it has left.
  for (const next of [name, 'gorp-plus', 'seq-lora'] as const) {
    const before = { ...embeddedSettings('quick', name), order: ['gloss', 'field'] };
    const fault = teachingFault(before, 2, { ...embeddedSettings('quick', next), order: ORDER });
    expect(fault?.nextStep).toMatch(
      /^It cannot be taught more\. Begin with its base model: teach it all 3 tasks in one run/,
    );
  }
});

test('a model of one base of gain-lora is not taught with the other', () => {
  const settings = embeddedSettings('quick', 'gain-lora');
  const results = resultsOfScript(settings);
  const resume = (base: 'inf-lora' | 'o-lora'): void =>
    checkFits({ results }, { ...settings, method: { ...settings.method, base } }, results.model.parameters);
  expect(() => resume('inf-lora')).not.toThrow();
  expect(() => resume('o-lora')).toThrow(/taught with gain-lora on inf-lora, not with gain-lora on o-lora/);
});

test('remembered examples must consist of tokens of the model', () => {
  const remembered = (id: number) => [{ task: 1, source: [3, id], label: [1] }];
  expect(() => checkRemembered(remembered(23), 24)).not.toThrow();
  expect(() => checkRemembered(remembered(24), 24)).toThrow(/remembers the token 24/);
});

test('other methods may resume in a longer order', () => {
  expect(() => resume('gorp', [...ORDER, 'emoji'])).not.toThrow();
});

test('a round can be tested, but not resumed, without the watched tasks that it protected', () => {
  const { method, ...rest } = { ...embeddedSettings('quick', 'gorp-plus'), order: ORDER };
  const settings: RunSettings = { ...rest, method: withValues(method, { protects: 'watched' }), watch: ['emoji'] };
  const round = { round: 1, results: resultsOfScript(settings) } as SavedRound;
  const other = { ...settings, watch: ['kinds'] };
  expect(() => checkFits(round, other, round.results.model.parameters)).not.toThrow();
  expect(() => checkCanContinue(round, other)).toThrow(/to protect general prompts, emoji, not general prompts, kinds/);
  expect(() => checkCanContinue(round, settings)).not.toThrow();
});
