import { describe, expect, it } from 'vitest';
import { datasetPaths, findBenchmark, INSTRUCTIONS_PATH } from './folder.ts';

const agnews = datasetPaths('TC', 'agnews');
const below = (root: string, paths: string[]): string[] => paths.map((path) => root + path);

describe('findBenchmark', () => {
  it.each(['', 'repository/', 'a/b c/'])('finds the datasets below %j, and only files it reads', (root) => {
    const other = ['README.md', 'CL_Benchmark/TC/agnews/notes.txt', 'CL_Benchmark/TC/own/train.json'];
    const found = findBenchmark(below(root, [...agnews, ...other, INSTRUCTIONS_PATH]));
    expect(found).toEqual({
      files: new Map([INSTRUCTIONS_PATH, ...agnews].map((path) => [path, root + path])),
      datasets: ['agnews'],
      incomplete: [],
    });
  });

  it('lists datasets that lack a file', () => {
    const found = findBenchmark([...agnews, ...datasetPaths('NLI', 'MNLI').slice(1), INSTRUCTIONS_PATH]);
    expect(found).toMatchObject({ datasets: ['agnews'], incomplete: ['MNLI'] });
    expect([...found.files.keys()].join()).not.toContain('MNLI');
  });

  it('uses the copy that has instructions', () => {
    const found = findBenchmark([...agnews, ...below('x/', [...agnews, INSTRUCTIONS_PATH])]);
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
    expect(() => findBenchmark(paths)).toThrow(
      expect.objectContaining({ code, nextStep: expect.stringMatching(/configs/) as string }),
    );
  });
});
