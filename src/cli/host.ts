import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { totalmem } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { awakeClock, TICK_MS } from '../base/awake-clock.ts';
import { choiceOf, type DeviceChoice } from '../base/device-choice.ts';
import { GorpError } from '../base/errors.ts';
import { type DeviceHost, openDevice } from '../device/choice.ts';
import type { RunHost } from '../run/events/host.ts';
import type { Speed } from '../run/planning/duration.ts';
import type { ReadText } from '../tasks/benchmark.ts';
import { benchmarkOf, severalCopies } from '../tasks/benchmarks.ts';
import { rawFolder, remoteReader } from '../tasks/remote.ts';
import type { Task } from '../tasks/task.ts';
import { cacheFile, deviceSpeed, fileStore, platformName } from './machine.ts';
import { embeddedFolder, openNamedModel } from './named-models.ts';
import { nodeDevices } from './node-device.ts';
import { pluginsOfHost } from './plugins.ts';
import { nodeTokenizerGuard } from './tokenizer-guard.ts';

declare const __APP_VERSION__: string;
declare const __APP_COMMIT__: string;

/** The choices of a command line. */
export interface NodeChoices {
  readonly device: DeviceChoice;
  readonly customTasks?: readonly Task[];
  /** Bytes. */
  readonly memoryBudget?: number | null;
  /** Share of a graphics card's time that the run may use, above 0; 1 by default. */
  readonly gpuShare?: number;
  /** Receives the speed of the device before the run begins. */
  readonly onSpeed?: (speed: Speed) => void;
}

/** Bytes of memory that this process may use: the machine's, or less in a container. */
export const hostMemory = (): number => Math.min(totalmem(), process.constrainedMemory() || Infinity);

/** Returns the host of a run in Node: Dawn, and models and tasks as the command line names them. */
export function nodeHost(choices: NodeChoices): Omit<RunHost, 'emit'> {
  const { customTasks = [], memoryBudget = null, gpuShare = 1, device, onSpeed } = choices;
  const { plugins, probes } = pluginsOfHost();
  return {
    acquireDevice: async (kind) => {
      const opened = await openDevice(choiceOf(kind, device), { ...nodeDeviceHost(), gpuShare });
      if (onSpeed) onSpeed(await deviceSpeed(opened.device));
      return opened;
    },
    openModel: (model, onProgress, signal, inspect) => openNamedModel(model, { onProgress, signal, inspect }),
    guardTokenizer: nodeTokenizerGuard,
    customTask: (name) => Promise.resolve(customTasks.find((task) => task.name === name)),
    taskReader: nodeTaskReader,
    memoryBudget,
    hostMemory: hostMemory(),
    now,
    code: { version: __APP_VERSION__, commit: __APP_COMMIT__, ...(plugins && { plugins }) },
    probes,
  };
}

let clock: (() => number) | undefined;
const now = (): number => {
  clock ??= awakeClock(
    () => performance.now(),
    (read) => setInterval(read, TICK_MS).unref(),
  );
  return clock();
};
const warn = (text: string): void => console.warn(text);

/** Devices of Node that save kernel choices on disk. */
export const nodeDeviceHost = (): DeviceHost =>
  nodeDevices({ store: fileStore(cacheFile('tuning.json')), platform: platformName(), now, warn });

/** The folder that holds a benchmark: the named one, or the parent of a named CL_Benchmark or SuperNI. */
function benchmarkRoot(folder: string): string {
  const name = basename(resolve(folder));
  return ['CL_Benchmark', 'SuperNI'].includes(name) && !existsSync(join(folder, name)) ? join(folder, '..') : folder;
}

/**
 * The folder below (or at) the named one that holds most tasks of TRACE, which are published some folders deep.
 *
 * @throws GorpError `tasks/several-copies`.
 */
async function traceRoot(folder: string): Promise<string> {
  const best: { roots: string[]; count: number } = { roots: [folder], count: 0 };
  const look = async (root: string, depth: number): Promise<void> => {
    const below = await readdir(root, { withFileTypes: true }).catch(() => []);
    const names = below.filter((entry) => entry.isDirectory()).map(({ name }) => name);
    const count = names.filter((name) => benchmarkOf(name)?.name === 'TRACE').length;
    if (count > best.count) Object.assign(best, { roots: [root], count });
    else if (count > 0 && count === best.count) best.roots.push(root);
    if (count > 0 || depth === 0) return;
    for (const name of names) await look(join(root, name), depth - 1);
  };
  await look(folder, TRACE_DEPTH);
  if (best.roots.length > 1) throw severalCopies('TRACE', best.roots);
  return best.roots[0];
}

const TRACE_DEPTH = 2;

/** Reads text files of the embedded tasks, of a folder on disk or at an address. */
export function nodeTaskReader(tasks: string, signal: AbortSignal | null = null): ReadText {
  if (/^https?:/.test(tasks)) return remoteReader(rawFolder(tasks), signal);
  const folder = tasks === 'embedded' ? join(embeddedFolder, 'tasks') : benchmarkRoot(tasks);
  let trace: Promise<string> | undefined;
  return async (path) => {
    const isTrace = benchmarkOf(path.split('/')[0])?.name === 'TRACE';
    const file = join(isTrace ? await (trace ??= traceRoot(folder)) : folder, path);
    return readFile(file, 'utf8').catch((cause: unknown) => {
      throw new GorpError(
        'tasks/not-found',
        `${file} cannot be read.`,
        tasks === 'embedded'
          ? 'Make the embedded tasks with npm run embedded.'
          : 'Name the folder that holds CL_Benchmark and configs, SuperNI, or the tasks of TRACE; if this is it, it lacks that file.',
        { cause },
      );
    });
  };
}
