import { describe, expect, it } from 'vitest';
import { resultsOfScript } from '../../src/testing/scripted-results.ts';
import { withMeasures } from '../../src/run/results/measures.ts';
import type { Results } from '../../src/run/results/results.ts';
import { parseStudyPlan, type PlannedRun } from './plan.ts';
import { apPlot, paretoPlot, sensitivityPlots, ticksOf } from './plots.ts';
import { measurementsCsv, reportText, tablesTex } from './report.ts';
import { bestOf, collect, type MadeRun } from './made-runs.ts';
import { texTable } from '../../src/run/results/tables.ts';
import { summarise } from './summary.ts';

const PLAN = parseStudyPlan(
  JSON.stringify({
    schema: 'gorp-web/study-plan',
    version: 1,
    title: 'A study',
    claim: { statement: 'gorp ends above both.', part: 'main', entry: 'gorp', rivals: ['seq-lora', 'ewc'] },
    parts: [
      {
        name: 'tuning',
        about: 'Chooses λ.',
        orders: [['gloss', 'field']],
        seeds: [101],
        entries: [{ method: 'ewc', grid: { ewcLambda: [1, 10, 100] } }],
      },
      {
        ...{
          name: 'main',
          about: 'Compares.',
          orders: [
            ['gloss', 'field'],
            ['field', 'gloss'],
          ],
          seeds: [1, 2, 3],
        },
        entries: [
          { method: 'gorp' },
          { method: 'seq-lora' },
          { method: 'per-task' },
          { method: 'ewc', tunedIn: 'tuning' },
        ],
      },
    ],
  }),
  'plan.json',
);

/** The ends of scripted runs, each made once. */
const scripted = new Map<string, Results>();

/** Results of a run with one number in the whole matrix, except for forgetting of the first task. */
function resultsOf(run: PlannedRun, learned: number, forgotten = 0): Results {
  const settings = JSON.stringify(run.settings());
  const results = scripted.get(settings) ?? resultsOfScript(run.settings());
  scripted.set(settings, results);
  const exact = [
    [0, 0],
    [learned, 0],
    [learned - forgotten, learned],
  ];
  const measures = {
    averagePerformance: learned - forgotten / 2,
    averagePerformanceCurve: [learned, learned - forgotten / 2],
    backwardTransfer: -forgotten,
    forgetting: forgotten,
    forwardTransfer: 0,
    justLearned: learned,
  };
  return { ...results, accuracy: { exact, ranked: exact }, measures: { exact: measures, ranked: measures } };
}

/** Every run, with outcomes from a rule. */
const made = (outcome: (run: PlannedRun) => MadeRun['outcome']): Promise<MadeRun[]> =>
  collect(PLAN, (run) => Promise.resolve(outcome(run)));

const rule = (run: PlannedRun): MadeRun['outcome'] => {
  if (run.part === 'tuning') return { results: resultsOf(run, 0.5, run.tried.ewcLambda === 10 ? 0 : 0.2) };
  const luck = run.seed / 100;
  if (run.label === 'per-task') return { results: resultsOf(run, 0.9) };
  return { results: resultsOf(run, 0.8 + luck, run.label === 'gorp' ? 0.1 : 0.3) };
};

/** The same with free answers, by ROUGE-L, then a text, by its loss, in both orders; no answer is exactly right. */
function freeResultsOf(run: PlannedRun, rougeL: number, loss: number, forgotten = 0): Results {
  const base = resultsOf(run, 0);
  const [first, second] = base.tasks;
  const tasks = [
    { ...first, name: 'answers', form: 'free' as const, labels: [] },
    { ...second, name: 'prose', form: 'text' as const, labels: [] },
  ];
  const scores = {
    rougeL: [
      [0, null],
      [rougeL, null],
      [rougeL - forgotten, null],
    ],
    loss: [
      [loss, 5],
      [loss, 5],
      [loss, loss],
    ],
  };
  return { ...base, tasks, ...withMeasures({ ...base.accuracy, ...scores }, tasks) };
}

describe('a study', () => {
  it('takes the grid value with the highest AP, once the grid is complete', async () => {
    const all = await made(rule);
    expect(bestOf(all.filter(({ run }) => run.part === 'tuning'))).toEqual({
      values: { ewcLambda: 10 },
      score: 50,
      atEnd: [],
    });
    const chosen = all.filter(({ run }) => run.part === 'main' && run.label === 'ewc');
    expect(chosen.map(({ run }) => run.settings().method.ewcLambda)).toEqual(new Array(6).fill(10));
    const half = await made((run) => (run.tried.ewcLambda === 100 ? null : rule(run)));
    expect(half.filter(({ run }) => run.part === 'main' && run.label === 'ewc')).toEqual([]);
    expect(summarise(PLAN, half).untuned).toEqual([{ part: 'main', label: 'ewc' }]);
  });

  it('has its tables in LaTeX and every test in CSV, in which names are no commands', async () => {
    const plan = { ...PLAN, title: '50 % & more_$\n\\input{x}' };
    const all = await made(rule);
    const tex = tablesTex(summarise(plan, all), all);
    expect(tex).toContain('% 50 % & more_$ \\input{x}: tuning\n\\begin{tabular}');
    expect(tex).toMatch(/\\midrule\newc ewcLambda=1 & \$[\d.]+\$/);
    expect(tex).toMatch(/gorp & \$[\d.]+\$ \{\\scriptsize \[\$[\d.]+\$, \$[\d.]+\$\]\}/);
    // A name at the beginning of a row is no option of the end of the row before.
    expect(texTable('', ['[b', 'x_1'], [['*', '< 50 %']])).toContain(
      '{[}b & x\\_1 \\\\\n\\midrule\n{*} & \\textless{} 50 \\%',
    );
    const [head, ...lines] = measurementsCsv(all).trim().split('\r\n');
    expect(head).toBe('part,method,order,seed,round,task,measure,value');
    const [{ run, outcome }] = all;
    const value = outcome !== null && 'results' in outcome ? outcome.results.accuracy.exact[1][0] : null;
    expect(lines).toContain(`tuning,ewc ewcLambda=1,${run.order},${run.seed},1,gloss,exact,${value}`);
    expect(lines).toHaveLength(all.length * 3 * 2 * 2); // rounds, tasks, exact and ranked
  });

  it('has every method against every other where nothing is claimed, corrected by Holm', async () => {
    const plan = structuredClone(PLAN);
    delete plan.claim;
    const all = await made(rule);
    const { contrasts } = summarise(plan, all).parts[1];
    expect(contrasts.map(({ entry, rival }) => `${entry} ${rival}`)).toEqual([
      'gorp seq-lora',
      'gorp per-task',
      'gorp ewc',
      'seq-lora per-task',
      'seq-lora ewc',
      'per-task ewc',
    ]);
    const claimed = summarise(PLAN, all).claim?.contrasts.find(({ rival }) => rival === 'seq-lora');
    expect(contrasts[0].ap).toEqual(claimed?.ap);
    const ps = contrasts.map(({ ap }) => ap.p ?? NaN).toSorted((a, b) => a - b);
    const corrected = contrasts.map(({ holmP }) => holmP ?? NaN).toSorted((a, b) => a - b);
    let least = 0;
    ps.forEach((p, i) => {
      least = Math.min(1, Math.max(least, p * (ps.length - i)));
      expect(corrected[i]).toBeCloseTo(least, 12);
    });
  });

  it('tests answers where they are paired: of a task at two rounds, and of two methods in a single pair of runs', async () => {
    const plan = structuredClone(PLAN);
    delete plan.claim;
    const [, main] = plan.parts;
    plan.parts = [{ ...main, orders: [['gloss', 'field']], seeds: [1], entries: main.entries.slice(0, 2) }];
    // 32 tests of gloss, of which 26 turn, and as many of field: gorp gets 4 right that seq-lora gets wrong.
    const all = await collect(plan, (run) => {
      const results = resultsOf(run, 0.8);
      const tasks = results.tasks.map((task) => ({ ...task, texts: 'a'.repeat(64), testExamples: 32 }));
      const [learned, last] = run.label === 'gorp' ? ['ffffe000', '00001fc0'] : ['ffffe000', '00001c00'];
      const right = [
        { round: 1, task: 1, exact: learned },
        { round: 2, task: 1, exact: last },
        { round: 2, task: 2, exact: run.label === 'gorp' ? 'ffffffff' : 'fffffffe' },
      ];
      const exact = [
        [0, 0],
        [19 / 32, 0],
        [7 / 32, 1],
      ];
      return Promise.resolve({ results: { ...results, tasks, accuracy: { exact, ranked: exact }, right } });
    });
    const summary = summarise(plan, all);
    const report = reportText(summary, all);
    // 19 turned wrong and 7 right: 2 P(X ≤ 7) of 26 fair coins.
    expect(report).toContain('| 1 | -37.5 [-61.1, -6.7], 19 wrong, 7 right, p 0.029 |');
    expect(tablesTex(summary, all)).toMatch(/gorp & 1 & 1 & gloss & 19 & 7 & \$-37\.5\$ .* & 0\.029 \\\\/);
    expect(measurementsCsv(all)).toMatch(/gorp,0,1,2,gloss,mcnemarP,0\.02895/);
    // gorp alone has 4 + 1 right: 2 × 2^-5, in place of a p over seeds.
    expect(summary.parts[0].contrasts).toMatchObject([{ answersP: 0.0625, holmP: 0.0625, ap: { p: null } }]);
    expect(report).toMatch(/\| 0\.063 \(answers\) \| 1\.000 \| 0\.063 \|/);
    const claim = { statement: 'More.', part: 'main', entry: 'gorp', rivals: ['seq-lora'] };
    const claimed = summarise({ ...plan, claim }, all);
    expect(claimed.claim?.contrasts).toMatchObject([{ answersP: 0.0625, holmP: 0.0625 }]);
    expect(reportText(claimed, all)).not.toContain('Answers that turned');
  });

  it('takes what per-task just learned as its AP, and a failed run as 0', async () => {
    const plan = parseStudyPlan(
      JSON.stringify({
        schema: 'gorp-web/study-plan',
        version: 1,
        title: 'Bounds',
        claim: { statement: 'Nothing.', part: 'bounds', entry: 'per-task', rivals: ['per-task'] },
        parts: [
          {
            name: 'bounds',
            about: 'Tunes.',
            orders: [['gloss', 'field']],
            seeds: [101, 102],
            entries: [{ method: 'per-task', grid: { learningRate: [0.001, 0.003, 0.01] } }],
          },
        ],
      }),
      'plan.json',
    );
    const learned = new Map([
      [0.001, 0.6],
      [0.003, 0.7],
      [0.01, 0.9],
    ]);
    const runs = await collect(plan, (run) => {
      const results = resultsOf(run, learned.get(run.tried.learningRate as number) ?? 0);
      const { exact } = results.measures;
      const failed = run.tried.learningRate === 0.01 && run.seed === 102;
      return Promise.resolve(
        failed
          ? { error: { code: 'run/not-finite', message: '', nextStep: '' } }
          : {
              results: { ...results, measures: { ...results.measures, exact: { ...exact, averagePerformance: null } } },
            },
      );
    });
    expect(bestOf(runs)).toEqual({ values: { learningRate: 0.003 }, score: 70, atEnd: [] });
    const text = reportText(summarise(plan, runs), runs);
    expect(text).toContain('| per-task | learningRate=0.003 | 70.0 | – |');
    expect(summarise(plan, runs).parts[0].methods.map(({ gaps }) => gaps)).toEqual([null, null, null]);
    const low = runs.filter(({ run }) => run.tried.learningRate !== 0.01);
    expect(bestOf(low)?.atEnd).toEqual(['learningRate']);
  });

  it.each([
    [0.9, 'is well trained'],
    [0.88, 'is undertrained'],
  ])('says that an upper bound at %s, with per-task at 0.9, %s', async (ap, said) => {
    const plan = parseStudyPlan(
      JSON.stringify({
        schema: 'gorp-web/study-plan',
        version: 1,
        title: 'Bounds',
        claim: { statement: 'Nothing.', part: 'main', entry: 'mtl', rivals: ['per-task'] },
        parts: [
          {
            name: 'main',
            about: 'Compares.',
            orders: [['gloss', 'field']],
            seeds: [1],
            entries: [{ method: 'mtl' }, { method: 'per-task' }],
          },
        ],
      }),
      'plan.json',
    );
    const runs = await collect(plan, (run) =>
      Promise.resolve({ results: resultsOf(run, run.label === 'mtl' ? ap : 0.9) }),
    );
    expect(reportText(summarise(plan, runs), runs)).toContain(said);
    const one = await collect(plan, (run) =>
      Promise.resolve(run.label === 'mtl' ? { results: resultsOf(run, ap) } : null),
    );
    expect(reportText(summarise(plan, one), one)).not.toContain(said);
  });

  it('takes the grid value by the tasks’ own scores if answers are free, and tables them', async () => {
    const all = (await made(() => null)).filter(({ run }) => run.part === 'tuning');
    const outcome = all.map(({ run }): MadeRun => {
      const scores: Record<string, [number, number]> = { 1: [0.3, 2], 10: [0.31, 1], 100: [0.35, 4] };
      return { run, outcome: { results: freeResultsOf(run, ...scores[String(run.tried.ewcLambda)]) } };
    });
    expect(bestOf(outcome)).toMatchObject({ values: { ewcLambda: 10 }, score: 50 * (0.31 + Math.exp(-1)) });
    const report = reportText(summarise(PLAN, outcome), outcome);
    expect(report).toContain('| method | AP ROUGE-L | BWT ROUGE-L | just learned ROUGE-L | mean loss per token |');
    expect(report).toContain('| ewc ewcLambda=100 | 35.0 | 0.0 | 35.0 | 4.000 | 0.000 | 4.000 |');
    expect(reportText(summarise(PLAN, await made(rule)), await made(rule))).not.toContain('Free answers');
  });

  it('compares methods by the tasks’ own scores if answers are free', async () => {
    const all = await made((run) => {
      if (run.part === 'tuning') return { results: freeResultsOf(run, 0.2, 2) };
      const [rougeL, loss, forgotten] = run.label === 'gorp' ? [0.7, 1, 0.1] : [0.6, 2, 0.3];
      return { results: freeResultsOf(run, rougeL, loss, forgotten) };
    });
    const { claim, parts } = summarise(PLAN, all);
    const { ap, bwt, justLearned, worst, intransigence } = parts[1].methods[0].measures;
    const share = Math.exp(-1);
    expect(ap?.mean).toBeCloseTo(50 * (0.6 + share), 10);
    expect(bwt?.mean).toBeCloseTo(-10, 10);
    expect(justLearned?.mean).toBeCloseTo(50 * (0.7 + share), 10);
    expect(worst?.mean).toBeCloseTo(100 * share, 10);
    const ahead = 50 * (0.1 + share - Math.exp(-2));
    expect(intransigence?.mean).toBeCloseTo(-ahead, 10);
    const [first] = claim?.contrasts ?? [];
    expect(first.ap.overSeeds.mean).toBeCloseTo(ahead + 10, 10);
    const report = reportText(summarise(PLAN, all), all);
    expect(report).toContain('Part: main. AP and the other measures are of each task’s own score');
    expect(report).toContain('| method | runs | AP | AP ranked |');
    expect(apPlot(parts[1])).toContain('AP, % of each task’s own score');
  });

  it('takes what per-task just learned by the tasks’ own scores', async () => {
    const all = (await made(() => null)).filter(({ run }) => run.part === 'tuning');
    const outcome = all.map(({ run }): MadeRun => {
      const free = freeResultsOf(run, run.tried.ewcLambda === 10 ? 0.5 : 0.4, 1);
      const { rougeL = [], loss = [] } = free.accuracy;
      const scores = { rougeL: [...rougeL.slice(0, 2), [null, null]], loss };
      return { run, outcome: { results: { ...free, accuracy: { ...free.accuracy, ...scores } } } };
    });
    expect(bestOf(outcome)).toMatchObject({ values: { ewcLambda: 10 }, score: 50 * (0.5 + Math.exp(-1)) });
  });

  it('compares pairs, and measures gaps to per-task', async () => {
    const summary = summarise(PLAN, await made(rule));
    const [, main] = summary.parts;
    const gorp = main.methods.find(({ label }) => label === 'gorp');
    expect(gorp?.measures.ap?.mean).toBeCloseTo(77, 10);
    expect(gorp?.measures.bwt?.mean).toBeCloseTo(-10, 10);
    expect(gorp?.measures.intransigence?.mean).toBeCloseTo(8, 10);
    expect(gorp?.gaps?.map(({ mean, count }) => [Math.round(mean), count])).toEqual([
      [-8, 3],
      [-8, 3],
    ]);
    expect(gorp?.measures.worst?.mean).toBeCloseTo(72, 10);
    expect(gorp?.measures.anytime?.mean).toBeCloseTo(79.5, 10);
    const [first] = summary.claim?.contrasts ?? [];
    expect(first.rival).toBe('seq-lora');
    // Seeds shift both methods by the same point, which cancels in the difference.
    expect(first.ap.overSeeds.mean).toBeCloseTo(10, 10);
    expect((first.ap.overSeeds.high as number) - (first.ap.overSeeds.low as number)).toBeLessThan(1e-6);
    expect(first.ap.pairs).toBe(6);
    const [, gapTable] = reportText(summary, []).split('by position:\n');
    expect(gapTable).toContain('| gorp | -8.0 ');
    expect(gapTable.split('\n\n')[0]).not.toContain('per-task');
  });

  it('compares the entry of the claim with methods of another part, on the orders and seeds of both', async () => {
    const other = {
      name: 'later',
      about: 'One order and one seed of main, and new ones.',
      seeds: [2, 4],
      orders: [
        ['field', 'gloss'],
        ['gloss', 'people'],
      ],
    };
    const planOf = (part: object): typeof PLAN =>
      parseStudyPlan(JSON.stringify({ ...PLAN, parts: [...PLAN.parts, { ...other, ...part }] }), 'plan.json');
    const summaryOf = async (plan: typeof PLAN): Promise<ReturnType<typeof summarise>> =>
      summarise(
        plan,
        await collect(plan, (run) => {
          const later = { results: resultsOf(run, run.label === 'gorp-again' ? 0.7 : 0.6) };
          return Promise.resolve(run.part === 'later' ? later : rule(run));
        }),
      );
    const plan = planOf({ entries: [{ method: 'seq-lora' }, { method: 'gorp', label: 'gorp-again' }] });
    const summary = await summaryOf(plan);
    const [tuning, main, later] = summary.parts;
    expect([tuning.acrossParts, main.acrossParts, later.contrasts]).toEqual([[], [], []]);
    // Seed 2 of the order field, gloss, which is the second of `main` and the first here: AP 77 there.
    expect(later.acrossParts.map(({ rival, ap }) => [rival, ap.pairs, Math.round(ap.overSeeds.mean)])).toEqual([
      ['seq-lora', 1, 17],
      ['gorp-again', 1, 7],
    ]);
    expect(reportText(summary, [])).toContain('`gorp` of main beside these, on the orders and seeds of both parts');
    const onDev = planOf({ entries: [{ method: 'seq-lora' }], training: { testSet: 'dev' } });
    expect((await summaryOf(onDev)).parts[2].acrossParts).toEqual([]);
  });

  it('says what is missing and what failed, and reads no gap as a number', async () => {
    const summary = summarise(
      PLAN,
      await made((run) => {
        if (run.part === 'main' && run.label === 'seq-lora')
          return run.seed === 1 ? { error: { code: 'run/not-finite', message: '', nextStep: '' } } : null;
        return run.label === 'per-task' ? null : rule(run);
      }),
    );
    const text = reportText(summary, []);
    expect(text).toContain(`${summary.made} of ${summary.planned} runs have been made.`);
    expect(text).toContain('2 of 6 (2 failed: run/not-finite)');
    expect(text).toContain('Nothing can be said yet about seq-lora');
    const gorp = summary.parts[1].methods.find(({ label }) => label === 'gorp');
    expect([gorp?.measures.intransigence, gorp?.gaps]).toEqual([null, null]);
  });

  it.each<[string, (results: Results) => Results]>([
    ['weights', (results) => ({ ...results, model: { ...results.model, weights: 'b'.repeat(64) } })],
    [
      'texts of field',
      ({ tasks, ...results }) => ({
        ...results,
        tasks: tasks.map((task) => (task.name === 'field' ? { ...task, texts: 'b'.repeat(64) } : task)),
      }),
    ],
  ])('refuses a table of runs with other %s, naming two', async (what, change) => {
    const mixed = made((run) => {
      const outcome = rule(run);
      const isOther = run.part === 'main' && run.label === 'seq-lora' && run.seed === 2;
      return isOther && outcome && 'results' in outcome ? { results: change(outcome.results) } : outcome;
    });
    await expect(mixed).rejects.toMatchObject({
      code: 'run/other-study',
      message: expect.stringMatching(
        new RegExp(`^tuning/ewc-.* and main/seq-lora-order1-seed2 do not .* they differ in ${what}\\.$`),
      ) as string,
    });
  });

  it('is drawn', async () => {
    const [tuning, main] = summarise(PLAN, await made(rule)).parts;
    const pareto = paretoPlot(main) ?? '';
    expect(pareto).toMatch(/^<svg .*<\/svg>\n$/s);
    // Runs and means of gorp, seq-lora, per-task and ewc, and as many marks in the legend.
    expect(pareto.match(/<circle/g)).toHaveLength(4 * 6 + 4 + 4);
    expect(apPlot(main)).toContain('>per-task</text>');
    // Without its first method, a plot shows the others in their colours.
    const { methods } = main;
    const [first] = methods;
    const untested = { ...first, measures: { ...first.measures, ap: null } };
    expect(apPlot({ ...main, methods: [untested, ...methods.slice(1)] })).not.toContain('#0072b2');
    expect(sensitivityPlots(tuning)[0].svg).toContain('>100</text>');
    expect(sensitivityPlots(tuning).map(({ label, setting }) => [label, setting])).toEqual([['ewc', 'ewcLambda']]);
    expect(paretoPlot({ ...main, methods: [] })).toBeNull();
  });
});

it('ticks are round and span all values', () => {
  expect(ticksOf([43, 81])).toEqual([40, 50, 60, 70, 80, 90]);
  expect(ticksOf([7, 7])[0]).toBeLessThanOrEqual(7);
});
