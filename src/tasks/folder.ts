import { GorpError } from '../base/errors.ts';
import { BENCHMARK_KINDS } from './orders.ts';

/** Path of the instructions, below the folder that also holds `CL_Benchmark`. */
export const INSTRUCTIONS_PATH = 'configs/instruction_config.json';

/** The files of a dataset, below the folder that holds `CL_Benchmark` and `configs`. */
export const datasetPaths = (kind: string, name: string): string[] =>
  ['labels', 'train', 'dev', 'test'].map((file) => `CL_Benchmark/${kind}/${name}/${file}.json`);

/** The benchmark among the files of a folder. */
export interface FoundBenchmark {
  /** Path below the root → given path, only for files that tasks are read from. */
  files: Map<string, string>;
  /** Complete datasets, in the order of {@link BENCHMARK_KINDS}. */
  datasets: string[];
  /** Datasets that lack some, but not all, of their files. */
  incomplete: string[];
}

/**
 * Finds the benchmark in a picked or dropped folder. Its root is that folder, or one below it, that holds
 * `CL_Benchmark` and `configs`.
 *
 * @param paths paths of all files, with forward slashes, in any order.
 * @throws GorpError `tasks/no-config` if `CL_Benchmark` lacks its instructions, `tasks/not-a-benchmark` if there is no
 * `CL_Benchmark` or it has no complete dataset.
 */
export function findBenchmark(paths: readonly string[]): FoundBenchmark {
  const given = new Set(paths);
  const parts = paths.map((path) => /^(.*\/)?CL_Benchmark\//.exec(path)).filter((match) => match !== null);
  // Outermost first, in case the folder contains copies.
  const roots = [...new Set(parts.map((match) => match[1] ?? ''))].sort((a, b) => a.length - b.length);
  if (roots.length === 0) throw notABenchmark('The folder does not contain CL_Benchmark');
  const root = roots.find((one) => given.has(one + INSTRUCTIONS_PATH));
  if (root === undefined) {
    throw new GorpError(
      'tasks/no-config',
      `${INSTRUCTIONS_PATH} is missing next to CL_Benchmark.`,
      'Choose the parent folder, which holds both CL_Benchmark and configs, as in the repository.',
    );
  }
  const found: FoundBenchmark = {
    files: new Map([[INSTRUCTIONS_PATH, root + INSTRUCTIONS_PATH]]),
    datasets: [],
    incomplete: [],
  };
  for (const [name, kind] of Object.entries(BENCHMARK_KINDS)) {
    const wanted = datasetPaths(kind, name);
    const there = wanted.filter((path) => given.has(root + path));
    if (there.length === wanted.length) {
      found.datasets.push(name);
      for (const path of wanted) found.files.set(path, root + path);
    } else if (there.length > 0) found.incomplete.push(name);
  }
  if (found.datasets.length === 0) throw notABenchmark('CL_Benchmark has no complete dataset');
  return found;
}

const notABenchmark = (what: string): GorpError =>
  new GorpError(
    'tasks/not-a-benchmark',
    `${what}.`,
    'Choose a folder with CL_Benchmark/{kind}/{name}/labels.json, train.json, dev.json, test.json and configs/instruction_config.json.',
  );
