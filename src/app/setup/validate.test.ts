import { describe, expect, it } from 'vitest';
import { METHOD_NAMES } from '../../gorp/method-settings.ts';
import { embeddedSettings } from '../../run/presets.ts';
import type { RunSettings } from '../../run/settings.ts';
import { COMMON_FIELDS, type Field, MORE_GROUPS } from './fields.ts';
import { checkedSettings, draftIssues } from './validate.ts';

const FIELDS: readonly Field[] = [...COMMON_FIELDS, ...MORE_GROUPS.flatMap(({ fields }) => fields)];
const preset = embeddedSettings('full', 'gorp');

describe('fields', () => {
  it('cover every number and choice of the settings once', () => {
    const ids = FIELDS.map(({ id }) => id).sort();
    // What makes a method is chosen with its name.
    const fixed = ['name', 'schedule', 'adapters', 'fullRank', 'sharedSpace'];
    const expected = [
      ...Object.keys(preset.training).map((key) => `training.${key}`),
      ...Object.keys(preset.method)
        .filter((key) => !fixed.includes(key))
        .map((key) => `method.${key}`),
    ].sort();
    expect(ids).toEqual(expected);
  });

  it.each(FIELDS.map((field) => [field.id, field] as const))(
    '%s reads what it writes and nothing else',
    (id, field) => {
      const [section = '', key = ''] = id.split('.');
      let written: RunSettings;
      if (field.kind === 'number') {
        written = field.write(preset, 123);
        expect(field.read(written)).toBe(123);
      } else {
        const other = field.options.find(({ value }) => value !== field.read(preset))?.value ?? '';
        written = field.write(preset, other);
        expect(field.read(written)).toBe(other);
        expect(field.write(preset, 'nonsense')).toBe(preset);
      }
      const changed = structuredClone(preset) as unknown as Record<string, Record<string, unknown>>;
      (changed[section] ?? {})[key] = field.read(written);
      expect(written).toEqual(changed);
    },
  );

  it('say the range that the schema has', () => {
    for (const field of FIELDS) {
      if (field.kind !== 'number') continue;
      const accepted = (value: number): boolean => !draftIssues(field.write(preset, value)).has(field.id);
      expect(accepted(NaN), field.id).toBe(false);
      expect(accepted(1.5), field.id).toBe(!field.integer && !/at most 1|below 1/.test(field.range));
      expect(accepted(0), field.id).toBe(/0 or more|from 0|^a whole number$/.test(field.range));
      expect(accepted(-1), field.id).toBe(field.range === 'a whole number');
    }
  });

  it('are offered where they have an effect', () => {
    const shown = (method: (typeof METHOD_NAMES)[number]) =>
      FIELDS.filter((field) => field.applies(embeddedSettings('full', method).method)).map(({ id }) => id);
    expect(shown('seq-lora')).not.toContain('method.threshold');
    expect(shown('seq-lora')).not.toContain('method.galoreRank');
    expect(shown('galore')).not.toContain('method.loraRank');
    expect(shown('seq-ft')).toContain('method.galoreLearningRate');
    expect(shown('o-lora')).toContain('method.orthogonalPenalty');
    expect(shown('gorp')).toEqual(
      expect.arrayContaining(['method.threshold', 'method.galoreRank', 'method.loraSpace']),
    );
  });
});

describe('draftIssues', () => {
  it('finds nothing wrong with the presets', () => {
    for (const method of METHOD_NAMES) {
      for (const name of ['full', 'quick'] as const) {
        expect([...draftIssues(embeddedSettings(name, method))]).toEqual([]);
      }
    }
  });

  it('names every fault at once, in words', () => {
    const issues = draftIssues({
      ...preset,
      model: '',
      order: [],
      method: { ...preset.method, threshold: 1.2 },
      training: { ...preset.training, epochs: 0, batchSize: 2.5 },
    });
    expect([...issues.keys()].sort()).toEqual([
      'method.threshold',
      'model',
      'order',
      'training.batchSize',
      'training.epochs',
    ]);
    expect(issues.get('training.epochs')).toBe('Must be a whole number, 1 or more.');
  });

  it('refuses the same task twice', () => {
    expect(draftIssues({ ...preset, order: ['gloss', 'gloss'] }).has('order')).toBe(true);
  });
});

describe('checkedSettings', () => {
  it('gives the settings, or an error that names the first fault', () => {
    expect(checkedSettings(preset)).toEqual(preset);
    expect(() => checkedSettings({ ...preset, order: [] })).toThrow(/order/);
    expect(() => checkedSettings({ ...preset, model: 'my model' })).toThrow(/model/);
  });
});

describe('addresses', () => {
  const issue = (field: 'model' | 'tasks', text: string): string | undefined =>
    draftIssues({ ...preset, [field]: text }).get(field);

  it('are web addresses and nothing else', () => {
    for (const good of ['https://example.org/t5/', 'http://localhost:8000/m']) {
      expect([issue('model', good), issue('tasks', good)], good).toEqual([undefined, undefined]);
    }
    for (const bad of [
      '',
      '/models/t5/',
      't5-large',
      'javascript:alert(1)',
      'file:///tmp/m',
      'data:text/html,x',
      'C:\\',
    ]) {
      expect(issue('tasks', bad), bad).toContain('https://');
    }
  });

  it('hold no secrets and are not sent in the clear, and the field says so', () => {
    expect(issue('model', 'https://example.org/m/?token=secret')).toMatch(
      /written into results.*example\.org\/m\/ alone/,
    );
    expect(issue('tasks', 'https://secret@example.org/m/')).toContain('written into results');
    expect(issue('model', 'http://example.org/m/')).toContain('anyone on the way');
    expect(issue('tasks', 'http://example.org/m/')).toContain('anyone on the way');
  });
});
