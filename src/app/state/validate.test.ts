import { describe, expect, it } from 'vitest';
import { METHOD_NAMES, type MethodName, METHODS } from '../../methods/registry.ts';
import { embeddedSettings } from '../../run/planning/presets.ts';
import { FAMILY_MODULES } from '../../run/settings/trained-modules.ts';
import type { RunSettings } from '../../run/settings/settings.ts';

import { commonFields, type Field, moreGroups } from './fields.ts';
import { checkedSettings, draftIssues } from './validate.ts';

const fieldsOf = (name: MethodName): readonly Field[] => [
  ...commonFields(name),
  ...moreGroups(name).flatMap(({ fields }) => fields),
];
const preset = embeddedSettings('full', 'gorp');
/** Every field once, with the first method that has it. */
const FIELDS = new Map(
  METHOD_NAMES.toReversed().flatMap((name) =>
    fieldsOf(name).map((field) => [field.id, { field, settings: embeddedSettings('full', name) }] as const),
  ),
);

describe('fields', () => {
  it.each(METHOD_NAMES)('of %s cover the method’s and the training’s settings exactly once', (name) => {
    const method = METHODS.find((one) => one.name === name);
    expect(
      fieldsOf(name)
        .map(({ id }) => id)
        .sort(),
    ).toEqual(
      [
        ...Object.keys(preset.training)
          .filter((key) => !Object.hasOwn(FAMILY_MODULES, key) && key !== 'generalText') // set in lists of their own
          .map((key) => `training.${key}`),
        ...Object.keys(method?.settings ?? {}).map((key) => `method.${key}`),
      ].sort(),
    );
  });

  it('take label and help from the method’s setting', () => {
    for (const { name, settings } of METHODS) {
      for (const field of fieldsOf(name)) {
        const setting = settings[field.id.replace('method.', '')];
        if (setting && field.id.startsWith('method.')) {
          expect([field.label, field.help]).toEqual([setting.label, setting.help]);
        }
      }
    }
  });

  it.each([...FIELDS])('%s reads what it writes and changes nothing else', (id, { field, settings }) => {
    const [section = '', key = ''] = id.split('.');
    let written: RunSettings;
    if (field.kind === 'number') {
      written = field.write(settings, 123);
      expect(field.read(written)).toBe(123);
    } else {
      const other = field.options.find(({ value }) => value !== field.read(settings))?.value ?? '';
      written = field.write(settings, other);
      expect(field.read(written)).toBe(other);
      expect(field.write(settings, 'nonsense')).toBe(settings);
    }
    const changed = structuredClone(settings) as unknown as Record<string, Record<string, unknown>>;
    (changed[section] ?? {})[key] = field.read(written);
    expect(written).toEqual(changed);
  });

  it('state the range that the schema accepts', () => {
    for (const { field, settings } of FIELDS.values()) {
      if (field.kind !== 'number') continue;
      const accepted = (value: number): boolean => !draftIssues(field.write(settings, value)).has(field.id);
      expect(accepted(NaN), field.id).toBe(false);
      expect(accepted(1.5), field.id).toBe(!field.integer && !/at most 1|below 1/.test(field.range));
      expect(accepted(0), field.id).toBe(/0 or more|from 0|number of/.test(field.range));
      expect(accepted(-1), field.id).toBe(field.range.startsWith('a whole number of'));
    }
  });

  it('apply only where they have an effect', () => {
    const shown = (name: MethodName, changes: Partial<RunSettings['method']> = {}) => {
      const settings = embeddedSettings('full', name);
      const draft = { ...settings, method: { ...settings.method, ...changes } };
      return fieldsOf(name).flatMap((field) => (field.applies(draft) ? [field.id] : []));
    };
    expect(shown('gorp')).toEqual(expect.arrayContaining(['method.threshold', 'method.loraSpace']));
    expect(shown('gorp')).not.toContain('method.softness');
    expect(shown('gorp-plus')).toContain('method.softness');
    expect(shown('gorp-plus')).not.toContain('method.threshold');
    expect(shown('gorp-plus', { softness: 0 })).toContain('method.threshold');
    expect(shown('galore')).toContain('method.clipNorm');
  });
});

describe('draftIssues', () => {
  it('accepts the presets', () => {
    for (const method of METHOD_NAMES) {
      for (const name of ['full', 'quick'] as const) {
        expect([...draftIssues(embeddedSettings(name, method))]).toEqual([]);
      }
    }
  });

  it('reports every fault at once, in words', () => {
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
    expect(issues.get('training.epochs')).toBe('Must be a whole number from 1 to 1,000,000,000.');
  });

  it('says what is wrong with two settings together, and what a number or a share is', () => {
    const issuesOf = (more: Partial<RunSettings['training']>) => [
      ...draftIssues({ ...preset, training: { ...preset.training, ...more } }),
    ];
    expect(issuesOf({ validationExamples: 0.1 })).toEqual([]);
    expect(issuesOf({ validationExamples: 1.5 })).toEqual([
      ['training.validationExamples', 'Must be a whole number from 0, or a share such as 10 %.'],
    ]);
    const replaying = {
      ...preset,
      method: embeddedSettings('quick', 'er').method,
      training: { ...preset.training, batchTokens: 512 },
    };
    expect([...draftIssues(replaying)]).toEqual([
      ['training.batchTokens', expect.stringMatching(/examples of earlier tasks .* set batchTokens to 0/)],
    ]);
    expect(issuesOf({ batchTokens: 512 })).toEqual([]);
    expect(issuesOf({ warmupRatio: 0.1, warmupSteps: 5 })).toEqual([
      ['training.warmupSteps', expect.stringMatching(/as a share .* set the other to 0/)],
    ]);
  });

  it('refuses the same task twice', () => {
    expect(draftIssues({ ...preset, order: ['gloss', 'gloss'] }).has('order')).toBe(true);
  });
});

describe('checkedSettings', () => {
  it('returns the settings or throws an error that names the first fault', () => {
    expect(checkedSettings(preset)).toEqual(preset);
    expect(() => checkedSettings({ ...preset, order: [] })).toThrow(/order/);
    expect(() => checkedSettings({ ...preset, model: 'my model' })).toThrow(/model/);
  });
});

describe('an address', () => {
  const issue = (field: 'model' | 'tasks', text: string): string | undefined =>
    draftIssues({ ...preset, [field]: text }).get(field);

  it('must be a web address', () => {
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

  it('must not contain secrets or use plain http, and the message says why', () => {
    expect(issue('model', 'https://example.org/m/?token=secret')).toMatch(
      /written into results.*example\.org\/m\/ alone/,
    );
    expect(issue('tasks', 'https://secret@example.org/m/')).toContain('written into results');
    expect(issue('model', 'http://example.org/m/')).toContain('Anyone on the network');
    expect(issue('tasks', 'http://example.org/m/')).toContain('Anyone on the network');
  });
});
