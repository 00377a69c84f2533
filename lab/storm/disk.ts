import { existsSync } from 'node:fs';
import type * as FsPromises from 'node:fs/promises';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createRequire, syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as v from 'valibot';
import { errorOf, GorpError } from '../../src/base/errors.ts';
import { CheckpointFolder } from '../../src/cli/checkpoint-folder.ts';
import { FolderKeyValue } from '../../src/cli/key-value-folder.ts';
import { openLast } from '../../src/cli/resume.ts';
import { openRoundFolder, writeResults, writeRound } from '../../src/cli/round-folder.ts';
import { ordersFolder } from '../../src/run/files/layout.ts';
import { type Results, ResultsSchema } from '../../src/run/results/results.ts';
import { Run } from '../../src/run/run.ts';
import { startLocalHub } from '../../src/testing/local-hub.ts';
import { modelFiles } from '../../src/testing/model-of.ts';
import { tinyHost, tinySettings } from '../../src/testing/tiny-run.ts';
import { openStore } from '../../src/weights/store.ts';
import { CHUNK, ELEMENTS, isWhole, openFromHub, REPO } from './server.ts';
import type { Outcome, Storm, StormOptions } from './storm.ts';

const fs = createRequire(import.meta.url)('node:fs/promises') as typeof FsPromises;

/** A disk that is full at one write; {@link full} sets which one, from 1, and whether it stays full. */
class FailingDisk {
  #writes = 0;
  #full = { at: Infinity, stays: false };
  readonly #sound = { open: fs.open, rename: fs.rename, mkdir: fs.mkdir, writeFile: fs.writeFile };

  /** Writes since the last call of {@link full}. */
  get writes(): number {
    return this.#writes;
  }

  full(at: number, stays: boolean): void {
    this.#writes = 0;
    this.#full = { at, stays };
  }

  /** Replaces the functions of Node that write, in the whole process. */
  install(): void {
    const { open, rename, mkdir, writeFile } = this.#sound;
    const failing =
      <Args extends unknown[], T>(work: (...args: Args) => Promise<T>) =>
      (...args: Args): Promise<T> =>
        this.#fails() ? Promise.reject(noSpace()) : work(...args);
    fs.rename = failing(rename);
    fs.mkdir = failing(mkdir) as typeof mkdir;
    fs.writeFile = failing(writeFile);
    fs.open = async (path, flags, mode) => {
      if (flags === undefined || flags === 'r') return open(path, flags, mode);
      if (this.#fails()) throw noSpace();
      const file = await open(path, flags, mode);
      file.writeFile = failing(file.writeFile.bind(file));
      file.sync = failing(file.sync.bind(file));
      return file;
    };
    syncBuiltinESMExports();
  }

  remove(): void {
    Object.assign(fs, this.#sound);
    syncBuiltinESMExports();
  }

  #fails(): boolean {
    this.#writes++;
    return this.#writes === this.#full.at || (this.#full.stays && this.#writes > this.#full.at);
  }
}

const noSpace = (): Error => Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });

const SETTINGS = tinySettings('gorp-plus');

/** Makes the disk full at each write of a run with its rounds and checkpoints, and of a download. */
export const disk: Storm = {
  whole: 100,
  what: 'the disk is full at each write of a run and of a download, only then or from then on',
  run: async ({ count, note }: StormOptions): Promise<Outcome> => {
    const folder = await mkdtemp(join(tmpdir(), 'gorp-storm-'));
    const hub = await startLocalHub();
    hub.push(REPO, await modelFiles(ELEMENTS));
    const expected = await trained(join(folder, 'whole'));
    const full = new FailingDisk();
    full.install();
    const problems: string[] = [];
    try {
      const runs = await everyWrite(full, count, problems, async (name) => {
        const out = join(folder, name);
        const first = await trained(out);
        return async () => {
          const again = first.results?.status === 'failed' ? await trained(out) : null;
          const { results } = again ?? first;
          return [
            ...first.faults,
            ...(again?.faults ?? []),
            ...(JSON.stringify(measured(results)) === JSON.stringify(measured(expected.results))
              ? []
              : ['the losses differ']),
            ...(await faultsIn(out)),
          ];
        };
      });
      note(`${runs} writes of a run`);
      const downloads = await everyWrite(full, count, problems, async (name) => {
        const at = join(folder, `store-${name}`);
        const open = async (): Promise<boolean> =>
          isWhole(await openFromHub(hub.endpoint, await openStore(await FolderKeyValue.open(at), CHUNK)));
        const first = await open().then((whole) => (whole ? null : 'the weights differ'), faultOf);
        return async () => {
          const second = await open().then((whole) => (whole ? null : 'the weights differ'), String);
          return [first, second && `when there was room again: ${second}`].filter((fault) => fault !== null);
        };
      });
      const figures = `${runs} writes of a run that saves a round and a checkpoint and ${downloads} of a download, each failing alone and with all after it: every run ended with the losses of a run without faults, at once or resumed when there was room again, and left nothing half-written; every download was complete when there was room again`;
      return { figures, problems };
    } finally {
      full.remove();
      await hub.close();
      await rm(folder, { recursive: true, force: true });
    }
  },
};

/**
 * Repeats an attempt with the disk full at its first write, then at its second, and so on, and inspects each.
 *
 * @param percent of the writes to try, evenly spread.
 * @param attempt returns a function that inspects it once there is room again.
 * @returns the number of writes of an attempt.
 */
async function everyWrite(
  full: FailingDisk,
  percent: number,
  problems: string[],
  attempt: (name: string) => Promise<() => Promise<string[]>>,
): Promise<number> {
  full.full(Infinity, false);
  await attempt('sound');
  const { writes } = full;
  for (let at = 1; at <= writes; at += Math.round(100 / percent)) {
    for (const stays of [false, true]) {
      full.full(at, stays);
      const look = await attempt(`${at}-${stays ? 'on' : 'once'}`);
      full.full(Infinity, false);
      const how = `write ${at} of ${writes}${stays ? ' and all after it' : ''}`;
      problems.push(...(await look()).map((fault) => `${how}: ${fault}`));
    }
  }
  return writes;
}

/** A run that is stopped in its second round, and saves rounds and a checkpoint as `train --resume auto --out` does. */
async function trained(out: string): Promise<{ results: Results | null; faults: string[] }> {
  const faults: string[] = [];
  const origin = await openLast(out, (message) => faults.push(message));
  const run: Run = new Run(
    tinyHost(
      (event) => {
        if (event.type === 'progress' && event.phase === 'train' && event.round === 2 && event.done === 4) run.stop();
        if (event.type === 'failed') {
          const fault = faultOf(errorOf(event.error));
          if (fault !== null) faults.push(fault);
        }
        // What a run says of its tasks has nothing to do with the disk.
        if (event.type !== 'warning' || SETTINGS.order.some((task) => event.message.startsWith(`${task}: `))) return;
        if (!event.message.includes('Check the folder and the free space on its disk.'))
          faults.push(`no next step: ${event.message}`);
      },
      {
        saveRound: writeRound.bind(null, out, SETTINGS.order),
        checkpoints: new CheckpointFolder(out, Infinity, (message) => faults.push(message)),
        ...(origin && 'checkpoint' in origin && { savedCheckpoint: () => Promise.resolve(origin.checkpoint) }),
        ...(origin && 'round' in origin && { savedRound: () => Promise.resolve(origin.round) }),
      },
    ),
    SETTINGS,
  );
  await run.execute();
  const { results } = run;
  if (results !== null) {
    const fault = await writeResults(out, results).then(() => null, faultOf);
    if (fault !== null) faults.push(fault);
  }
  return { results, faults };
}

const measured = (results: Results | null): unknown =>
  results && [results.status, results.curves.loss, results.accuracy, results.memory.liveBuffersAtEnd];

/** Files that should not be in the folder of a run. */
async function faultsIn(out: string): Promise<string[]> {
  const faults: string[] = [];
  const names = await readdir(out, { recursive: true }).catch((): string[] => []);
  faults.push(...names.filter((name) => name.endsWith('.partial')).map((name) => `${name} was left`));
  if (existsSync(join(out, 'results.json')))
    v.parse(ResultsSchema, JSON.parse(await readFile(join(out, 'results.json'), 'utf8')));
  const outputs = join(out, ordersFolder(SETTINGS.order));
  for (const name of await readdir(outputs).catch((): string[] => [])) {
    if (/^\d+-[a-z]+$/.test(name))
      await openRoundFolder(join(outputs, name)).catch((thrown) => faults.push(String(thrown)));
  }
  await new CheckpointFolder(out, 0, (message) => faults.push(message)).last();
  return faults;
}

/** The whole error, or null if it is a store error with a next step. */
const faultOf = (thrown: unknown): string | null =>
  thrown instanceof GorpError && thrown.code.startsWith('store/') && thrown.nextStep.length > 10
    ? null
    : String(thrown instanceof Error ? thrown.stack : thrown);
