import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { RoundOutput } from '../run/host.ts';
import { Run } from '../run/run.ts';
import { PrivateFileSystem } from '../testing/private-file-system.ts';
import { bytesOfFile } from '../testing/output-files.ts';
import { tinyHost, tinySettings } from '../testing/tiny-run.ts';
import { CheckpointKeeper, findCheckpoint } from './kept-checkpoints.ts';
import { findLastRound, importRound, keptFiles, RoundKeeper } from './kept-rounds.ts';
import { makeFolder, writeInto } from './private-files.ts';
import type { KeptFile } from './protocol.ts';
import { RunFolder } from './run-folders.ts';

/** The files of a run's rounds and of its last checkpoint, read while they are available. */
async function outputsOfRun(): Promise<{ rounds: RoundOutput[]; checkpoint: RoundOutput['trained'] }> {
  const rounds: RoundOutput[] = [];
  let checkpoint: RoundOutput['trained'] = [];
  const read = async (files: readonly RoundOutput['trained'][number][]): Promise<RoundOutput['trained']> => {
    const inMemory: RoundOutput['trained'] = [];
    // In order: the last file may describe the ones before it.
    for (const file of files) {
      const bytes = await bytesOfFile(file);
      inMemory.push({ path: file.path, content: () => piece(bytes) });
    }
    return inMemory;
  };
  const host = tinyHost(() => undefined, {
    saveRound: async (output) =>
      void rounds.push({ ...output, results: await read(output.results), trained: await read(output.trained) }),
    checkpoints: {
      everySeconds: 0,
      keep: async (files) => void (checkpoint = await read(files)),
      last: () => Promise.resolve(null),
    },
  });
  await new Run(host, tinySettings('gorp-plus')).execute();
  return { rounds, checkpoint };
}

// oxlint-disable-next-line typescript/require-await -- files are written from async pieces.
async function* piece(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

const outputs = outputsOfRun();
let disk: PrivateFileSystem;
beforeEach(() => void (disk = new PrivateFileSystem()));
afterEach(() => vi.unstubAllGlobals());

/** The last round that can be opened; 0 if there is none. */
const lastRound = async (): Promise<number> => (await findLastRound(await keptFiles())).last?.round ?? 0;

/** Round 1 of a run, as another browser saved it. */
async function savedElsewhere(): Promise<KeptFile[]> {
  const { rounds } = await outputs;
  await new RoundKeeper(new RunFolder(null), true).keep(rounds[0]);
  return keptFiles();
}

/** Saves a run's rounds on a new disk. */
async function keepRounds(rounds: readonly RoundOutput[], every = true): Promise<RoundKeeper> {
  disk = new PrivateFileSystem();
  const keeper = new RoundKeeper(new RunFolder(null), every);
  for (const round of rounds) await keeper.keep(round);
  return keeper;
}

/**
 * Prepares a disk and does some work, repeatedly: the disk is full at its first change, then at its second, and so on.
 */
async function atEveryChange<T>(
  prepare: () => Promise<T>,
  work: (prepared: T) => Promise<void>,
  check: (thrown: unknown, where: string) => Promise<void>,
): Promise<void> {
  const sound = await prepare();
  disk.full(Infinity);
  await work(sound);
  const { changes } = disk;
  expect(changes).toBeGreaterThan(5);
  for (let at = 1; at <= changes; at++) {
    const prepared = await prepare();
    disk.full(at, at % 2 === 0); // alternately at this change alone, and from it on
    const thrown: unknown = await work(prepared).then(
      () => null,
      (error: unknown) => error,
    );
    disk.full(Infinity);
    await check(thrown, `full at change ${at} of ${changes}`);
  }
}

const QUOTA = { code: 'store/quota' };

describe('a full browser', () => {
  test.each([true, false])('loses no earlier round while one is saved (every round is stored: %s)', async (every) => {
    const [first, second] = (await outputs).rounds;
    await atEveryChange(
      () => keepRounds([first], every),
      (keeper) => keeper.keep(second),
      async (thrown, where) => {
        if (thrown !== null) expect(thrown, where).toMatchObject(QUOTA);
        expect(await lastRound(), where).toBe(thrown === null ? 2 : 1);
      },
    );
  });

  test('loses no earlier checkpoint while one is saved', async () => {
    const { checkpoint } = await outputs;
    let keeper: CheckpointKeeper;
    await atEveryChange(
      async () => {
        disk = new PrivateFileSystem();
        keeper = new CheckpointKeeper(new RunFolder(null), 0);
        await keeper.keep(checkpoint);
      },
      () => keeper.keep(checkpoint),
      async (thrown, where) => {
        expect(thrown, where).toMatchObject(QUOTA);
        expect(await keeper.last(), where).not.toBeNull();
        disk.releaseLocks();
        expect(await findCheckpoint(), where).toMatchObject({ round: 2 });
      },
    );
  });

  test('shows the earlier rounds during an import', async () => {
    const files = await savedElsewhere();
    const { rounds } = await outputs;
    await atEveryChange(
      () => keepRounds(rounds),
      () => importRound(files),
      async (thrown, where) => {
        expect(thrown, where).toMatchObject(QUOTA);
        expect(await lastRound(), where).toBe(2);
      },
    );
  });
});

test('an import is complete even if the rounds it replaces cannot be removed yet', async () => {
  const files = await savedElsewhere();
  const { rounds } = await outputs;
  await keepRounds(rounds);
  disk.releaseLocks();
  const folder = disk.root.children.get('rounds') as unknown as { children: Map<string, unknown> };
  for (const name of folder.children.keys()) if (name !== 'shown') disk.keeps.add(name);
  await importRound(files);
  expect(await lastRound()).toBe(1);
});

test('rounds that 559f152 stored in the folder itself are shown, resumed, and replaced by a newer run', async () => {
  const { rounds } = await outputs;
  for (const { orderFolder, roundFolder, results, trained } of rounds) {
    const order = await makeFolder(['rounds', ...orderFolder.split('/')]);
    await writeInto(
      order,
      [...results, ...trained].map((file) => ({ ...file, path: `${roundFolder}/${file.path}` })),
    );
  }
  expect(await lastRound()).toBe(2);
  await new RoundKeeper(new RunFolder('shown'), true).keep(rounds[0]);
  expect(await lastRound(), 'a resumed run adds to them').toBe(2);
  disk.releaseLocks();
  await new RoundKeeper(new RunFolder(null), true).keep(rounds[0]);
  expect(await lastRound()).toBe(1);
});
