import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { balancedSquare, combinations, ordersOf, parseStudyPlan, plannedRuns, tasksOf } from './plan.ts';

/** Where the plans of this project are. */
const STUDIES = new URL('../../docs/studies/', import.meta.url);

interface Written {
  claim: { rivals: string[] };
  parts: { name: string; orders: unknown; entries: { method: string; tunedIn?: string }[] }[];
}

const PLAN = {
  schema: 'gorp-web/study-plan',
  version: 1,
  title: 'A study',
  claim: { statement: 'ewc ends above seq-lora.', part: 'main', entry: 'ewc', rivals: ['seq-lora'] },
  parts: [
    {
      name: 'tuning',
      about: 'Chooses λ.',
      orders: [['mood', 'pos']],
      seeds: [101],
      training: { testSet: 'dev' },
      entries: [{ method: 'ewc', grid: { ewcLambda: [1, 10], learningRate: [1e-3, 3e-3, 1e-2] } }],
    },
    {
      name: 'main',
      about: 'Compares.',
      orders: { square: ['gloss', 'field', 'people', 'emoji'], rows: [1, 3] },
      seeds: [1, 2],
      settings: { loraRank: 16, galoreRank: 16 },
      entries: [{ method: 'ewc', tunedIn: 'tuning' }, { method: 'seq-lora' }],
    },
  ],
};

type Change = (plan: Written) => void;
const changed = (change: Change): string => {
  const copy = structuredClone(PLAN);
  change(copy);
  return JSON.stringify(copy);
};

describe('a balanced square', () => {
  it.each([2, 4, 8])('of %i tasks has each once in every place, and once right after every other', (count) => {
    const tasks = Array.from({ length: count }, (_, i) => `task ${i}`);
    const square = balancedSquare(tasks);
    for (const row of square) expect(new Set(row).size).toBe(count);
    for (let at = 0; at < count; at++) expect(new Set(square.map((row) => row[at])).size).toBe(count);
    const follows = square.flatMap((row) => row.slice(1).map((task, i) => `${row[i]} ${task}`));
    expect(new Set(follows).size).toBe(count * (count - 1));
  });
});

describe('the runs of a plan', () => {
  const plan = parseStudyPlan(JSON.stringify(PLAN), 'plan.json');
  const [tuning, main] = plan.parts;

  it('try every combination of a grid, on dev', () => {
    const runs = plannedRuns(plan, tuning, () => null);
    expect(runs).toHaveLength(6);
    expect(new Set(runs.map((run) => run.name)).size).toBe(6);
    const settings = runs[5].settings();
    expect(settings).toMatchObject({ order: ['mood', 'pos'], training: { seed: 101, testSet: 'dev', epochs: 2 } });
    expect(settings.method).toMatchObject({ name: 'ewc', ewcLambda: 10, learningRate: 1e-2, loraDropout: 0 });
  });

  it('train as the plan, its part and its method say, the last first', () => {
    const entries = [{ method: 'seq-lora', training: { lrSchedulerType: 'linear' } }, { method: 'gorp' }];
    const parts = [{ ...PLAN.parts[0], training: { testSet: 'dev', lrSchedulerType: 'cosine' }, entries }];
    const own = parseStudyPlan(JSON.stringify({ ...PLAN, parts, claim: undefined }), 'plan.json');
    const found = plannedRuns(own, own.parts[0], () => null).map((run) => run.settings().training);
    expect(found.map(({ lrSchedulerType }) => lrSchedulerType)).toEqual(['linear', 'cosine']);
    expect(found).toEqual([{ ...found[1], lrSchedulerType: 'linear' }, found[1]]);
  });

  it('wait for the values chosen there, and use them', () => {
    expect(plannedRuns(plan, main, () => null).map(({ label }) => label)).toEqual(new Array(4).fill('seq-lora'));
    const runs = plannedRuns(plan, main, (part, method) =>
      part === 'tuning' && method === 'ewc' ? { ewcLambda: 10 } : null,
    );
    expect(runs.map(({ label, seed, order }) => [label, seed, order])).toEqual(
      [1, 2].flatMap((seed) => [0, 1].flatMap((order) => ['ewc', 'seq-lora'].map((label) => [label, seed, order]))),
    );
    const square = balancedSquare(['gloss', 'field', 'people', 'emoji']);
    expect(ordersOf(main)).toEqual([square[0], square[2]]);
    expect(runs[2].settings()).toMatchObject({ order: square[2], method: { ewcLambda: 10, loraRank: 16 } });
    expect(runs[0].settings().method).not.toHaveProperty('galoreRank');
  });

  it('take the sequence of a published order by its name', () => {
    const parts = [{ ...PLAN.parts[0], orders: ['1', ['mood', 'pos']] }, PLAN.parts[1]];
    const [part] = parseStudyPlan(JSON.stringify({ ...PLAN, parts }), 'plan.json').parts;
    expect(ordersOf(part)).toEqual([
      ['dbpedia', 'amazon', 'yahoo', 'agnews'],
      ['mood', 'pos'],
    ]);
  });

  it('are measured by general text only if the plan asks for it', () => {
    const textOf = (training: object): string =>
      plannedRuns({ ...plan, training: { ...plan.training, ...training } }, main, () => ({}))[0].settings().training
        .generalText;
    expect([textOf({}), textOf({ generalText: 'included' })]).toEqual(['none', 'included']);
  });

  it('watch the tasks of the plan, or those of their part instead', () => {
    const watching = { ...plan, watch: ['kinds'], parts: [tuning, { ...main, watch: ['mood'] }] };
    const watched = watching.parts.map((part) => plannedRuns(watching, part, () => ({}))[0].settings().watch);
    expect(watched).toEqual([['kinds'], ['mood']]);
    expect(tasksOf(watching).toSorted()).toEqual(['emoji', 'field', 'gloss', 'kinds', 'mood', 'people', 'pos']);
  });

  it.each([
    ['embedded-llama', { learningRate: 3e-3, loraDropout: 0 }],
    ['org/name', { learningRate: 1e-3, loraDropout: 0.1 }],
  ])('of %s start from the rates and the dropout for it', (model, preset) => {
    const [run] = plannedRuns({ ...plan, model }, main, () => ({}));
    expect(run.settings()).toMatchObject({ model, method: preset });
  });
});

it.each(readdirSync(STUDIES).filter((name) => name.endsWith('-plan.json')))('plans the runs of %s', (name) => {
  const read = parseStudyPlan(readFileSync(new URL(name, STUDIES), 'utf8'), name);
  for (const part of read.parts) expect(plannedRuns(read, part, () => ({})).length).toBeGreaterThan(0);
});

it('leave out gone settings that have the value of today, so that a study of an earlier version can go on', () => {
  const before = changed((p) => Object.assign(p.parts[1], { settings: { projType: 'std', loraRank: 16 } }));
  expect(parseStudyPlan(before, 'plan.json').parts[1].settings).toEqual({ loraRank: 16 });
});

it('make one run of a grid without settings', () => {
  expect(combinations({})).toEqual([{}]);
});

describe('a plan is refused', () => {
  it.each<[string, Change, RegExp]>([
    [
      'with an unknown method',
      (p) => (p.parts[1].entries[1].method = 'gorp-minus'),
      /parts\.1\.entries\.1\.method: There is no method gorp-minus/,
    ],
    [
      'with an unknown order',
      (p) => (p.parts[0].orders = ['7']),
      /orders of tuning name “7”, but the published ones are 1 to 6/,
    ],
    ['with an unknown task', (p) => (p.parts[0].orders = [['mood', 'poem']]), /tuning names poem/],
    ['with a task twice', (p) => (p.parts[0].orders = [['mood', 'mood']]), /tuning names mood twice/],
    ['with two parts of one name', (p) => (p.parts[1].name = 'tuning'), /two parts are called tuning/],
    [
      'with two entries of one name',
      (p) => p.parts[1].entries.push({ method: 'seq-lora' }),
      /two entries of main are called seq-lora/,
    ],
    ['tuned in a part without a grid', (p) => (p.parts[1].entries[1].tunedIn = 'tuning'), /no grid of seq-lora/],
    ['with a claim about an unknown entry', (p) => (p.claim.rivals = ['gorp']), /claim names gorp in main/],
    ['with an unknown field', (p) => Object.assign(p, { seeds: [1] }), /seeds/],
    [
      'with a setting that the method lacks',
      (p) => Object.assign(p.parts[1].entries[1], { settings: { ewcLambda: 1 } }),
      /ewcLambda/,
    ],
    [
      'with a setting that is gone',
      (p) => Object.assign(p.parts[1], { settings: { projection: 'exact' } }),
      /parts\.1\.settings\.projection: gorp-web no longer trains with projection "exact"/,
    ],
    [
      'with a memory larger than the data',
      (p) => (p.parts[1].entries[1] = { method: 'er', label: 'seq-lora', settings: { replayMemory: 1.5 } } as never),
      /replayMemory/,
    ],
  ])('%s', (_, change, message) => {
    expect(() => parseStudyPlan(changed(change), 'plan.json')).toThrow(message);
  });

  it('if it is not JSON', () => {
    expect(() => parseStudyPlan('{', 'plan.json')).toThrow(/plan\.json is not a study plan: it is not JSON/);
  });
});
