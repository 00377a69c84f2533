import { asPieces } from '../base/pieces.ts';
import { readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { RunEvent } from '../run/events/events.ts';
import type { RoundOutput } from '../run/events/host.ts';
import { CHECKPOINT_FILE } from '../run/files/layout.ts';
import { descendsFrom } from '../run/files/model-line.ts';
import type { Results } from '../run/results/results.ts';
import { Run } from '../run/run.ts';
import { bytesOfFile } from '../testing/output-files.ts';
import { PrivateFileSystem } from '../testing/private-file-system.ts';
import { tinyHost, tinySettings } from '../testing/tiny-run.ts';
import { textFile } from '../weights/exports/output-file.ts';
import { filesBelow, makeFolder, writeInto } from './private-files.ts';
import type { StoredFile } from './protocol.ts';
import { RunFolder, show, shown } from './run-folders.ts';
import { CheckpointSaver, dropCheckpoints, findCheckpoints, writeCheckpoint } from './saved-checkpoints.ts';
import {
  filesOfLine,
  importModel,
  ModelSaver,
  openTaught,
  openToTeach,
  removeTaught,
  roundsIn,
  taughtModels,
  usedModel,
} from './taught-models.ts';
import { finishedResults } from '../testing/ended-run.ts';

/** The files of a run's rounds and of its last checkpoint, read while they are available. */
async function outputsOfRun(): Promise<{ rounds: RoundOutput[]; checkpoint: RoundOutput['trained'] }> {
  const rounds: RoundOutput[] = [];
  let checkpoint: RoundOutput['trained'] = [];
  const read = async (files: readonly RoundOutput['trained'][number][]): Promise<RoundOutput['trained']> => {
    const inMemory: RoundOutput['trained'] = [];
    // In order: the last file may describe the ones before it.
    for (const file of files) {
      const bytes = await bytesOfFile(file);
      inMemory.push({ path: file.path, content: () => asPieces(bytes) });
    }
    return inMemory;
  };
  const host = tinyHost(() => undefined, {
    saveRound: async (output) =>
      void rounds.push({ ...output, results: await read(output.results), trained: await read(output.trained) }),
    checkpoints: {
      everySeconds: 0,
      save: async (files) => void (checkpoint = await read(files)),
      last: () => Promise.resolve(null),
    },
  });
  await new Run(host, tinySettings('gorp-plus')).execute();
  return { rounds, checkpoint };
}

const outputs = outputsOfRun();
let disk: PrivateFileSystem;
beforeEach(() => void (disk = new PrivateFileSystem()));
afterEach(() => vi.unstubAllGlobals());

const unwarned = (message: string): void => {
  throw new Error(message);
};

/** The files of the model that was shown last. */
const shownFiles = async (): Promise<StoredFile[]> => filesOfLine((await usedModel(null)).used?.key ?? null);

/** The number of tasks that the shown model knows; 0 if there is none. */
const lastRound = async (): Promise<number> => (await usedModel(null)).saved?.round ?? 0;

/** Round 1 of a run, as another browser saved it. */
async function savedElsewhere(): Promise<StoredFile[]> {
  const { rounds } = await outputs;
  await new ModelSaver(new RunFolder(null), true).save(rounds[0]);
  return shownFiles();
}

/** The files of a model as if another run had saved them. */
async function ofAnotherRun(files: readonly StoredFile[]): Promise<StoredFile[]> {
  const manifest = files.find(({ path }) => path.endsWith('round.json')) ?? expect.fail('no manifest');
  const text = (await manifest.file.text()).replace(/"id":"[^"]+"/, `"id":"${crypto.randomUUID()}"`);
  return files.map((one) => (one === manifest ? { ...one, file: new File([text], 'round.json') } : one));
}

/** Saves a run's rounds on a new disk. */
async function saveRounds(rounds: readonly RoundOutput[], every = true): Promise<ModelSaver> {
  disk = new PrivateFileSystem();
  const saver = new ModelSaver(new RunFolder(null), every);
  for (const round of rounds) await saver.save(round);
  return saver;
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
/** With a model to remove, and what that frees. */
const QUOTA_AND_WHAT_TO_REMOVE = {
  code: 'store/quota',
  nextStep: expect.stringMatching(
    /^Under Models you can remove “gloss” \([\d.]+ KiB\) and “my-llama” \([\d.]+ KiB\)\. Or free/,
  ) as string,
};

describe('a full browser', () => {
  test.each([true, false])('loses no earlier round while one is saved (every round is stored: %s)', async (every) => {
    const [first, second] = (await outputs).rounds;
    await atEveryChange(
      () => saveRounds([first], every),
      (saver) => saver.save(second),
      async (thrown, where) => {
        if (thrown !== null) expect(thrown, where).toMatchObject(QUOTA);
        expect(await lastRound(), where).toBe(thrown === null ? 2 : 1);
      },
    );
  });

  test('holds nothing of a model that does not fit, and the refusal names one to remove', async () => {
    const [first, second] = (await outputs).rounds;
    const names = async (): Promise<string[]> => (await taughtModels()).map(({ name }) => name);
    let saver: ModelSaver;
    await atEveryChange(
      async () => {
        await saveRounds([first]);
        const from = await shown();
        await new ModelSaver(new RunFolder(null), true).save(first); // another, which nobody teaches
        await writeInto(await makeFolder(['given', 'my-llama']), [textFile('model.gguf', () => 'x'.repeat(9000))]);
        saver = new ModelSaver(new RunFolder(null), true, from);
      },
      () => saver.save(second),
      async (thrown, where) => {
        if (thrown !== null) expect(thrown, where).toMatchObject(QUOTA_AND_WHAT_TO_REMOVE);
        if (thrown !== null) {
          expect(
            (await taughtModels()).every(({ model }) => model !== null),
            where,
          ).toBe(true);
          await saver.save(second); // there is room now
        }
        expect((await names()).sort(), where).toEqual([first.roundFolder, first.roundFolder, second.roundFolder]);
        expect(roundsIn(await filesOfLine(await shown())), where).toHaveLength(2);
      },
    );
  });

  test('loses no model while it is saved again, and lists it once', async () => {
    const [first, second] = (await outputs).rounds;
    const names = async (): Promise<string[]> => (await taughtModels()).map(({ name }) => name).sort();
    await atEveryChange(
      () => saveRounds([first, second]),
      (saver) => saver.save(second),
      async (thrown, where) => {
        if (thrown !== null) expect(thrown, where).toMatchObject(QUOTA);
        const key = (await usedModel(null)).used?.key ?? '';
        expect((await openTaught(key)).round, where).toBe(2);
        expect(await names(), where).toEqual([first.roundFolder, second.roundFolder]);
        disk.releaseLocks();
        await removeTaught(key);
        expect(await names(), `${where}, then removed`).toEqual([first.roundFolder]);
      },
    );
    await (await saveRounds([first, second])).save(second);
    expect(await names()).toEqual([first.roundFolder, second.roundFolder]);
  });

  test('loses no earlier checkpoint while one is saved', async () => {
    const { checkpoint } = await outputs;
    let saver: CheckpointSaver;
    await atEveryChange(
      async () => {
        disk = new PrivateFileSystem();
        saver = new CheckpointSaver(new RunFolder(null), 0, unwarned);
        await saver.save(checkpoint);
      },
      () => saver.save(checkpoint),
      async (thrown, where) => {
        expect(thrown, where).toMatchObject(QUOTA);
        expect(await saver.last(), where).not.toBeNull();
        disk.releaseLocks();
        expect((await findCheckpoints()).unfinished.at(0), where).toMatchObject({ round: 2 });
      },
    );
  });

  test('shows the earlier rounds during an import', async () => {
    const files = await ofAnotherRun(await savedElsewhere());
    const { rounds } = await outputs;
    await atEveryChange(
      () => saveRounds(rounds),
      async () => void (await importModel(files)),
      async (thrown, where) => {
        expect(thrown, where).toMatchObject({
          ...QUOTA,
          nextStep: expect.stringContaining('“gloss, field” (') as string,
        });
        expect(await lastRound(), where).toBe(2);
      },
    );
  });
});

describe('what other runs have stored', () => {
  /** Saves the models of a run that has ended since. @returns its folder. */
  async function anotherRun(rounds: readonly RoundOutput[], from: string | null = null): Promise<string> {
    const folder = new RunFolder(null);
    for (const round of rounds) await new ModelSaver(folder, true, from).save(round);
    const name = await folder.claimed();
    disk.releaseLocks();
    return name;
  }
  /** The models of a run's folder: its key, and what it knows. */
  const models = async (folder = ''): Promise<[string, string[]][]> =>
    (await taughtModels())
      .filter(({ key }) => key.startsWith(folder))
      .map(({ key, model }) => [key, model?.lessons.map(({ name }) => name) ?? []]);
  const keyOf = async (folder: string, tasks: number): Promise<string> =>
    (await models(folder)).find(([, names]) => names.length === tasks)?.[0] ?? '';

  test('stays when a run saves a model: models, to be used again or removed, and a checkpoint', async () => {
    const { rounds, checkpoint } = await outputs;
    const interrupted = new RunFolder(null);
    await new ModelSaver(interrupted, true).save(rounds[0]);
    await new CheckpointSaver(interrupted, 0, unwarned).save(checkpoint);
    const first = await interrupted.claimed();
    disk.releaseLocks();
    const second = await anotherRun(rounds);
    expect(await lastRound()).toBe(2);
    expect((await models(first)).map(([, names]) => names)).toEqual([['gloss']]);
    expect((await models(second)).map(([, names]) => names)).toEqual([['gloss', 'field'], ['gloss']]);
    expect((await findCheckpoints()).unfinished.at(0)).toMatchObject({ folder: first });
    await show(await keyOf(first, 1));
    expect(await lastRound()).toBe(1);
    await removeTaught(await keyOf(first, 1));
    expect(await models(first)).toEqual([]);
    expect((await findCheckpoints()).unfinished.at(0), 'a model is removed without its checkpoint').toMatchObject({
      folder: first,
    });
    await removeTaught(await keyOf(second, 2));
    expect((await models()).map(([, names]) => names)).toEqual([['gloss']]);
    expect((await openTaught(await keyOf(second, 1))).round).toBe(1);
    await removeTaught(await keyOf(second, 1));
    expect(await models()).toEqual([]);
  });

  test('stays when a model is loaded from disk', async () => {
    const files = await savedElsewhere();
    disk = new PrivateFileSystem();
    const before = await anotherRun((await outputs).rounds);
    await importModel(await ofAnotherRun(files));
    expect(await lastRound()).toBe(1);
    expect(await models(before)).toHaveLength(2);
    expect(await models()).toHaveLength(3);
  });

  test('is shown when the same model is loaded from disk, rather than stored twice', async () => {
    const files = await savedElsewhere();
    disk = new PrivateFileSystem();
    const first = await keyOf(await anotherRun((await outputs).rounds), 1);
    expect(await importModel(files)).toBe(first);
    expect([await models(), await shown()]).toMatchObject([{ length: 2 }, first]);
    // A damaged one takes the place of nothing, and is not shown in place of a whole one.
    const at = await makeFolder(['rounds', ...first.split('/')]);
    await writeInto(at, [textFile('adapter/adapter_model.safetensors', () => 'x')]);
    expect(await importModel(files)).not.toBe(first);
    expect(await models()).toHaveLength(3);
  });

  test('a model is taught more in a folder of its own, with the answers of its line: two branches grow from it', async () => {
    const { rounds } = await outputs;
    const first = await anotherRun(rounds.slice(0, 1));
    const from = await keyOf(first, 1);
    const branches = [await anotherRun(rounds.slice(1), from), await anotherRun(rounds.slice(1), from)];
    for (const branch of branches) {
      const files = await filesOfLine(await keyOf(branch, 2));
      expect(roundsIn(files)).toMatchObject([
        { name: '1-gloss', hasWeights: true },
        { name: '2-field', hasWeights: true },
      ]);
      expect(files.filter(({ path }) => path.includes('1-gloss/predict_eval_predictions'))).toHaveLength(1);
    }
    // What they share is stored once, and nothing that is left needs it.
    const shared = (await filesBelow(await makeFolder(['rounds']))).filter(({ path }) =>
      path.includes('1-gloss/adapter/'),
    );
    expect(new Set(shared.map(({ path }) => path.split('/')[0]))).toEqual(new Set([first]));
    await removeTaught(from);
    const left = roundsIn(await filesOfLine(await keyOf(branches[0], 2)));
    expect(left.map(({ hasWeights }) => hasWeights)).toEqual([false, true]);
    expect((await openTaught(await keyOf(branches[0], 2))).round).toBe(2);
    await removeTaught(await keyOf(branches[0], 2));
    expect((await models()).map(([key]) => key.split('/')[0])).toEqual([branches[1]]);
    expect(await filesBelow(await makeFolder(['rounds', branches[0]])), 'nothing is left of it').toEqual([]);
  });

  test('a model of which another is taught is not removed meanwhile, whatever runs teach it', async () => {
    const { rounds } = await outputs;
    const first = await anotherRun(rounds.slice(0, 1));
    const from = await keyOf(first, 1);
    expect((await Promise.all([openToTeach(from), openToTeach(from)])).map(({ round }) => round)).toEqual([1, 1]);
    await expect(removeTaught(from)).rejects.toMatchObject({
      code: 'store/busy',
      message: expect.stringMatching(/teaches this model more/) as string,
    });
    disk.releaseLocks();
    await removeTaught(from);
    await expect(openToTeach(from)).rejects.toMatchObject({ code: 'run/model-gone' });
  });

  test('a run that stores only its last model removes its own earlier ones, not what an earlier version put beside them', async () => {
    const { rounds } = await outputs;
    const withWeights = async (): Promise<string[]> =>
      roundsIn(await shownFiles()).flatMap(({ name, hasWeights }) => (hasWeights ? [name] : []));
    await saveRounds(rounds, false);
    expect(await withWeights()).toEqual([rounds[1].roundFolder]);
    const going = await saveRounds(rounds.slice(0, 1), false);
    await openToTeach(await shown());
    await going.save(rounds[1]);
    expect(await withWeights(), 'another tab teaches it more').toEqual(rounds.map(({ roundFolder }) => roundFolder));
    await saveRounds(rounds.slice(0, 1));
    const [folder] = (await shown()).split('/');
    disk.releaseLocks();
    const resumed = new ModelSaver(new RunFolder(folder), false);
    await resumed.save({ ...rounds[1], soFar: { ...rounds[1].soFar, id: 'another' } });
    expect(await withWeights()).toEqual(rounds.map(({ roundFolder }) => roundFolder));
  });

  test('belongs to its run: each tab uses the model of the run that it shows', async () => {
    const { rounds } = await outputs;
    const first = await anotherRun(rounds);
    const second = await anotherRun(rounds.slice(0, 1));
    const run = (await taughtModels()).at(0)?.model?.run ?? '';
    const ofRun = await usedModel({ run });
    expect([ofRun.isAsked, ofRun.saved?.round]).toEqual([true, 2]);
    expect(await usedModel({ run: 'without a model' })).toMatchObject({ isAsked: false, saved: { round: 1 } });
    expect((await usedModel(null)).used?.key).toMatch(second);
    const model = await keyOf(first, 1);
    expect(await usedModel({ model })).toMatchObject({ used: { key: model }, isAsked: true });
    await importModel(await filesOfLine(model));
    expect((await usedModel({ model })).used?.key, 'whatever another tab shows').toBe(model);
    // Earlier versions wrote down only the folder of the shown run.
    await show(first);
    expect((await usedModel(null)).used?.key).toBe(await keyOf(first, 2));
  });

  test.each([
    ['7ad49aba', { question: null, tests: 0 }],
    ['f62be8a6', { question: 'warm or cold', tests: 6 }],
  ])('is a model of an earlier version, %s: it is listed, opened, and taught on', async (version, lesson) => {
    const saved = new URL(`../../reference/saved/${version}/`, import.meta.url);
    const run = 'aaaaaaaa-1111-4222-8333-444444444444';
    const files = await readdir(saved, { recursive: true, withFileTypes: true });
    const order = await makeFolder(['rounds', run, 'logs_and_outputs', 'order_custom', 'outputs']);
    for (const { parentPath, name } of files.filter((one) => one.isFile())) {
      const path = relative(fileURLToPath(saved), join(parentPath, name));
      await writeInto(order, [{ path, content: () => asPieces(new Uint8Array(readFileSync(join(parentPath, name)))) }]);
    }
    await show(run); // earlier versions wrote down the folder alone
    const { used, saved: opened } = await usedModel(null);
    expect(used?.model).toMatchObject({ lessons: [{ name: 'gloss', method: 'gorp-plus', ...lesson }] });
    expect(opened?.round).toBe(1);
    const runWith = async (work: 'evaluate' | 'execute', saver?: ModelSaver): Promise<Results> => {
      const events: RunEvent[] = [];
      const host = tinyHost((event) => events.push(event), {
        savedRound: () => openToTeach(used?.key ?? ''),
        ...(saver && { saveRound: (output) => saver.save(output) }),
      });
      await new Run(host, opened?.results.settings ?? tinySettings('gorp-plus'))[work]();
      return finishedResults(events);
    };
    const { exact, ranked } = opened?.results.accuracy ?? { exact: [], ranked: [] };
    const { accuracy } = await runWith('evaluate');
    expect([accuracy.exact[0], accuracy.ranked[0]], 'it answers as it did').toEqual([exact[1], ranked[1]]);
    const taught = await runWith('execute', new ModelSaver(new RunFolder(null), true, used?.key));
    expect(taught.curves.loss).toHaveLength(12);
    expect(taught.accuracy.exact[2]).toEqual([expect.any(Number), expect.any(Number)]);
    const newest = (await taughtModels()).find(({ model }) => model?.lessons.length === 2)?.model;
    expect(
      newest && descendsFrom(newest, { lessons: used?.model?.lessons ?? [] }),
      'it knows where it comes from',
    ).toBe(true);
  });

  test('a checkpoint that cannot be read is named until it is removed; one that was cut off is removed', async () => {
    const { rounds, checkpoint } = await outputs;
    const saved = async (files: RoundOutput['trained'], round?: RoundOutput): Promise<string> => {
      const folder = new RunFolder(null);
      if (round !== undefined) await new ModelSaver(folder, true).save(round);
      const name = await folder.claimed();
      await writeCheckpoint(await makeFolder(['rounds', name, 'checkpoints']), 1, files, undefined);
      return name;
    };
    const isThere = async (name: string): Promise<boolean> => {
      const rounds = await makeFolder(['rounds']);
      return (await filesBelow(rounds)).some(({ path }) => path.startsWith(`${name}/checkpoints/`));
    };
    const newer = await saved([...checkpoint.slice(0, -1), textFile(CHECKPOINT_FILE, () => '{"version":2}')]);
    const cutOff = await saved(checkpoint.slice(0, -1));
    const afterRound = await saved(checkpoint.slice(0, -1), rounds[0]);
    const whole = await saved(checkpoint);
    expect(await findCheckpoints(), 'their runs still go on').toEqual({ unfinished: [], unread: [] });
    expect(await isThere(cutOff)).toBe(true);
    disk.releaseLocks();
    expect(await findCheckpoints()).toMatchObject({ unfinished: [{ folder: whole }], unread: [newer] });
    expect([await isThere(cutOff), await isThere(afterRound), await isThere(newer)]).toEqual([false, false, true]);
    expect(await models(), 'its model stays').toEqual([[await keyOf(afterRound, 1), ['gloss']]]);
    await dropCheckpoints(newer);
    expect(await findCheckpoints()).toMatchObject({ unfinished: [{ folder: whole }], unread: [] });
  });

  test('a run resumes from the checkpoint before a damaged one, and says so', async () => {
    const { checkpoint } = await outputs;
    const warnings: string[] = [];
    const folder = new RunFolder(null);
    const saver = new CheckpointSaver(folder, 0, (message) => warnings.push(message));
    await saver.save(checkpoint);
    await saver.save(checkpoint);
    const all = await makeFolder(['rounds', await folder.claimed(), 'checkpoints']);
    await writeInto(await all.getDirectoryHandle('000002'), [textFile('state.safetensors', () => 'damaged')]);
    await writeCheckpoint(all, 3, checkpoint.slice(0, -1), undefined); // the tab was closed here
    expect(await saver.last()).not.toBeNull();
    expect(warnings).toEqual([expect.stringContaining('state.safetensors')]);
    await writeInto(await all.getDirectoryHandle('000001'), [textFile('state.safetensors', () => 'damaged')]);
    await expect(saver.mustHave()).rejects.toMatchObject({ code: 'run/bad-checkpoint' });
  });

  test('damage to any file of a checkpoint leaves the one before it, also where they need not be written again', async () => {
    const { checkpoint } = await outputs;
    const same = checkpoint.map((file, i) => ({ ...file, isUnchanged: i < checkpoint.length - 1 }));
    for (let at = 0, count = 1; at < count; at++) {
      disk = new PrivateFileSystem();
      const folder = new RunFolder(null);
      const saver = new CheckpointSaver(folder, 0, () => undefined);
      for (const files of [checkpoint, checkpoint, same, same, same]) await saver.save(files);
      const all = await makeFolder(['rounds', await folder.claimed(), 'checkpoints']);
      const stored = await filesBelow(all);
      count = stored.length;
      await writeInto(all, [textFile(stored[at].path, () => 'damaged')]);
      expect(await saver.last(), stored[at].path).not.toBeNull();
    }
  });

  test('is not removed while a run uses it', async () => {
    const { rounds } = await outputs;
    const folder = new RunFolder(null);
    await new ModelSaver(folder, true).save(rounds[0]);
    await expect(removeTaught(await shown())).rejects.toMatchObject({ code: 'store/busy' });
    expect(await lastRound()).toBe(1);
  });
});
