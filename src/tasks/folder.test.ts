import { describe, expect, it } from 'vitest';
import { INSTRUCTIONS_PATH } from './benchmark.ts';
import { datasetPaths, findBenchmarks, superNiPaths, tracePaths } from './benchmarks.ts';

const agnews = datasetPaths('TC', 'agnews');
const below = (root: string, paths: string[]): string[] => paths.map((path) => root + path);

describe('findBenchmarks', () => {
  it.each(['', 'repository/', 'a/b c/'])('finds the datasets below %j, and only files it reads', (root) => {
    const other = ['README.md', 'CL_Benchmark/TC/agnews/notes.txt', 'CL_Benchmark/TC/own/train.json'];
    const found = findBenchmarks(below(root, [...agnews, ...other, INSTRUCTIONS_PATH]));
    expect(found).toEqual({
      files: new Map([INSTRUCTIONS_PATH, ...agnews].map((path) => [path, root + path])),
      datasets: ['agnews'],
      incomplete: [],
    });
  });

  it('lists datasets that lack a file', () => {
    const found = findBenchmarks([...agnews, ...datasetPaths('NLI', 'MNLI').slice(1), INSTRUCTIONS_PATH]);
    expect(found).toMatchObject({ datasets: ['agnews'], incomplete: ['MNLI'] });
    expect([...found.files.keys()].join()).not.toContain('MNLI');
  });

  it('uses the copy that has instructions', () => {
    const found = findBenchmarks([...agnews, ...below('x/', [...agnews, INSTRUCTIONS_PATH])]);
    expect(found.files.get(agnews[0])).toBe(`x/${agnews[0]}`);
  });

  it.each([
    ['nothing', [], 'tasks/not-a-benchmark'],
    ['another folder', ['src/main.ts', INSTRUCTIONS_PATH], 'tasks/not-a-benchmark'],
    ['no configs', agnews, 'tasks/no-config'],
    ['no whole dataset', [...agnews.slice(1), INSTRUCTIONS_PATH], 'tasks/not-a-benchmark'],
    [
      'a name that only begins alike',
      below('CL_Benchmark_old/', [...agnews.map((p) => p.slice(13))]),
      'tasks/not-a-benchmark',
    ],
  ])('refuses %s, with the next step', (_, paths, code) => {
    expect(() => findBenchmarks(paths)).toThrow(
      expect.objectContaining({ code, nextStep: expect.stringMatching(/configs/) as string }),
    );
  });

  it('finds SuperNI and TRACE, however deep, beside CL_Benchmark', () => {
    const trace = tracePaths('C-STANCE');
    const root = 'data/TRACE-Benchmark/LLM-CL-Benchmark_5000/';
    const found = findBenchmarks([
      ...below('data/', [...agnews, INSTRUCTIONS_PATH, ...superNiPaths('task1572'), 'README.md']),
      ...below(root, [...trace, 'FOMC/train.json']),
    ]);
    expect(found).toMatchObject({ datasets: ['agnews', 'task1572', 'C-STANCE'], incomplete: ['FOMC'] });
    expect(found.files.get('C-STANCE/eval.json')).toBe(`${root}C-STANCE/eval.json`);
    expect(found.files.get('SuperNI/task1572_samsum_summary/test.json')).toMatch(/^data\/SuperNI/);
  });

  it('finds SuperNI inside a folder named CL_Benchmark, without instructions', () => {
    const paths = superNiPaths('task1572');
    const root = 'gainlora/CL_Benchmark/';
    const other = ['Long_Sequence/agnews/train.json', 'Long_Sequence/agnews/labels.json'];
    const found = findBenchmarks(below(root, [...other, ...paths]));
    expect(found).toMatchObject({ datasets: ['task1572'], incomplete: [] });
    expect(found.files.get(paths[0])).toBe(root + paths[0]);
  });

  it('takes the copy with more tasks, and refuses to choose between two alike', () => {
    const [five, half] = ['all/LLM-CL-Benchmark_5000/', 'all/LLM-CL-Benchmark_500/'];
    const two = [...tracePaths('FOMC'), ...tracePaths('Py150')];
    const found = findBenchmarks([...below(half, tracePaths('FOMC')), ...below(five, two)]);
    expect(found.files.get('FOMC/train.json')).toBe(`${five}FOMC/train.json`);
    expect(() => findBenchmarks([...below(half, two), ...below(five, two)])).toThrow(/TRACE is there 2 times/);
  });
});
