import { GorpError } from '../base/errors.ts';
import { INSTRUCTIONS_PATH } from './benchmark.ts';
import { type Benchmark, BENCHMARKS, severalCopies } from './benchmarks.ts';

/** The benchmarks among the files of a folder. */
export interface FoundBenchmarks {
  /** Path below the benchmark's root → given path, only for files that tasks are read from. */
  files: Map<string, string>;
  /** Complete datasets, in the order of {@link BENCHMARKS}. */
  datasets: string[];
  /** Datasets that lack some, but not all, of their files. */
  incomplete: string[];
}

/** Whether some path is that of a file of a published benchmark. */
export const hasBenchmark = (paths: readonly string[]): boolean =>
  BENCHMARKS.some(({ root }) => paths.some((path) => root.test(path)));

/**
 * Finds published benchmarks in a picked or dropped folder. The root of each is that folder or one below it.
 *
 * @param paths paths of all files, with forward slashes, in any order.
 * @throws GorpError `tasks/no-config` if `CL_Benchmark` lacks its instructions, `tasks/not-a-benchmark` if there is no
 * benchmark, or none with a complete dataset, `tasks/several-copies` if two folders hold as much of one.
 */
export function findBenchmarks(paths: readonly string[]): FoundBenchmarks {
  const given = new Set(paths);
  const found: FoundBenchmarks = { files: new Map(), datasets: [], incomplete: [] };
  const names: string[] = [];
  for (const benchmark of BENCHMARKS) {
    const root = rootOf(benchmark, paths, given);
    if (root === null) continue;
    names.push(benchmark.name);
    for (const name of benchmark.datasets) {
      const wanted = benchmark.paths(name);
      const there = wanted.filter((path) => given.has(root + path));
      if (there.length === wanted.length) {
        found.datasets.push(name);
        for (const path of [...benchmark.shared, ...wanted]) found.files.set(path, root + path);
      } else if (there.length > 0) found.incomplete.push(name);
    }
  }
  if (names.length === 0)
    throw notABenchmark('The folder contains none of CL_Benchmark, SuperNI and the tasks of TRACE');
  if (found.datasets.length === 0) throw notABenchmark(`${names.join(' and ')} has no complete dataset`);
  return found;
}

/** The root of a benchmark, ending in a slash unless it is empty: the one with most of it; null if there is none. */
function rootOf(
  { name, root, shared, datasets, paths: pathsOf }: Benchmark,
  paths: readonly string[],
  given: Set<string>,
): string | null {
  const matches = paths.map((path) => root.exec(path)).filter((match) => match !== null);
  // Outermost first.
  const roots = [...new Set(matches.map((match) => match[1] ?? ''))].sort(
    (a, b) => a.split('/').length - b.split('/').length,
  );
  if (roots.length === 0) return null;
  const whole = roots.filter((one) => shared.every((path) => given.has(one + path)));
  if (whole.length === 0) {
    throw new GorpError(
      'tasks/no-config',
      `${INSTRUCTIONS_PATH} is missing next to ${name}.`,
      'Choose the parent folder, which holds both CL_Benchmark and configs, as in the repository.',
    );
  }
  const complete = (one: string): number =>
    datasets.filter((dataset) => pathsOf(dataset).every((path) => given.has(one + path))).length;
  const most = Math.max(...whole.map(complete));
  const [first, second] = whole.filter((one) => complete(one) === most);
  // A copy deeper in the folder is no rival.
  const depth = (one: string): number => one.split('/').length;
  if (second !== undefined && depth(first) === depth(second)) throw severalCopies(name, [first, second]);
  return first;
}

const notABenchmark = (what: string): GorpError =>
  new GorpError(
    'tasks/not-a-benchmark',
    `${what}.`,
    'Choose a folder with CL_Benchmark/{kind}/{name}/labels.json, train.json, dev.json, test.json and configs/instruction_config.json, with SuperNI/{task}/train.json, dev.json, test.json, or with {task}/train.json, eval.json, test.json of TRACE.',
  );
