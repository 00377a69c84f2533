import { existsSync } from 'node:fs';
import { type FileHandle, mkdir, mkdtemp, open, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { textFile } from '../weights/exports/output-file.ts';
import { writeDurably, writeFolderDurably } from './durable-write.ts';
import { claimOut, lockOut } from './out-folder.ts';
import { writeRound } from './round-folder.ts';

let folder: string;
let out: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'out-'));
  out = join(folder, 'run');
});
afterEach(() => rm(folder, { recursive: true }));

const ORDER = ['gloss', 'field', 'mood'];
const rounds = (): string => join(out, 'logs_and_outputs', 'order_custom', 'outputs');
/** Leaves rounds as a run does. */
async function leaveRounds(...names: string[]): Promise<void> {
  for (const name of names) {
    await mkdir(join(rounds(), name), { recursive: true });
    await writeFile(join(rounds(), name, 'round.json'), '{}');
  }
  await writeFile(join(out, 'results.json'), '{}');
}

describe('the folder of a run', () => {
  test('is of one run, from its start to its end', async () => {
    const free = await claimOut(out, { order: ORDER });
    await expect(claimOut(out, { order: ORDER })).rejects.toMatchObject({ code: 'run/out-is-busy' });
    await free();
    await (
      await claimOut(out, { order: ORDER })
    )();
    expect(await readdir(folder)).toEqual([]);
  });

  test('is removed after a run that left nothing, with the folders made above it, but not what was there', async () => {
    await mkdir(join(folder, 'mine'));
    await (
      await lockOut(join(folder, 'mine', 'new', 'run'))
    )();
    await (
      await lockOut(join(folder, 'mine'))
    )();
    expect([await readdir(folder), await readdir(join(folder, 'mine'))]).toEqual([['mine'], []]);
    const free = await lockOut(join(folder, 'new', 'run'));
    await writeFile(join(folder, 'new', 'beside'), '');
    await free();
    expect(await readdir(join(folder, 'new'))).toEqual(['beside']);
  });

  test.each(['results.json', 'predict_results.json', 'logs_and_outputs'])('is refused with %s in it', async (name) => {
    await mkdir(out);
    await writeFile(join(out, name), '');
    await expect(claimOut(out)).rejects.toMatchObject({
      code: 'run/out-is-taken',
      message: expect.stringContaining(name) as string,
    });
    // The round of another folder is no reason to write into this one.
    const resumed = { path: join(folder, 'other', '1-gloss'), round: 1 };
    await expect(claimOut(out, { order: ORDER, resumed })).rejects.toMatchObject({ code: 'run/out-is-taken' });
    expect(await readdir(out), 'and stays free').toEqual([name]);
  });

  test('continues after its last round, and replaces no existing round', async () => {
    await leaveRounds('1-gloss', '2-field');
    const last = { path: join(rounds(), '2-field'), round: 2 };
    await (
      await claimOut(out, { order: ORDER, resumed: last })
    )();
    const first = { path: join(rounds(), '1-gloss'), round: 1 };
    await expect(claimOut(out, { order: ORDER, resumed: first })).rejects.toMatchObject({
      code: 'run/out-is-taken',
      message: expect.stringContaining('2-field') as string,
    });
  });

  test('is cleared of what a killed process left unfinished, and of nothing else', async () => {
    await leaveRounds('1-gloss');
    await mkdir(join(rounds(), `1-gloss.${crypto.randomUUID()}.replaced`));
    const killed = `2-field.${crypto.randomUUID()}.partial`;
    await mkdir(join(rounds(), killed));
    await writeFile(join(out, `results.json.${crypto.randomUUID()}.partial`), '');
    await writeFile(join(out, 'mine.partial'), '');
    const resumed = { path: join(rounds(), '1-gloss'), round: 1 };
    await (
      await claimOut(out, { order: ORDER, resumed })
    )();
    expect([await readdir(rounds()), (await readdir(out)).toSorted()]).toEqual([
      ['1-gloss'],
      ['logs_and_outputs', 'mine.partial', 'results.json'],
    ]);
  });

  test('gets back a round that a killed process had put aside to replace it', async () => {
    await leaveRounds('1-gloss');
    const before = await readdir(join(rounds(), '1-gloss'));
    await rename(join(rounds(), '1-gloss'), join(rounds(), `1-gloss.${crypto.randomUUID()}.replaced`));
    await (
      await lockOut(out)
    )();
    expect([await readdir(rounds()), await readdir(join(rounds(), '1-gloss'))]).toEqual([['1-gloss'], before]);
  });

  test('is free where a killed process has left folders and nothing in them', async () => {
    await mkdir(join(out, 'checkpoints'), { recursive: true });
    await mkdir(rounds(), { recursive: true });
    await (
      await claimOut(out, { order: ORDER })
    )();
    await writeFile(join(out, 'checkpoints', 'x'), '');
    await expect(claimOut(out, { order: ORDER })).rejects.toMatchObject({ code: 'run/out-is-taken' });
  });

  test('that cannot be made is named', async () => {
    await writeFile(join(folder, 'file'), '');
    const made = claimOut(join(folder, 'file', 'run'));
    await expect(made).rejects.toMatchObject({
      code: 'store/failed',
      message: expect.stringContaining('file') as string,
    });
  });
});

describe('what is written', () => {
  // oxlint-disable-next-line typescript/require-await -- files are written from async pieces.
  async function* breaking(): AsyncGenerator<Uint8Array> {
    yield new Uint8Array(100);
    throw new Error('the device is gone');
  }

  test('is there as a whole or not at all', async () => {
    const path = join(out, 'a.json');
    await writeDurably(path, 'old');
    await expect(writeDurably(path, breaking())).rejects.toThrow('the device is gone');
    expect([await readFile(path, 'utf8'), await readdir(out)]).toEqual(['old', ['a.json']]);
    await Promise.all(Array.from({ length: 8 }, (_, i) => writeDurably(path, String(i).repeat(1000))));
    expect(await readFile(path, 'utf8')).toMatch(/^(\d)\1{999}$/);
    expect(await readdir(out)).toEqual(['a.json']);
  });

  test('is flushed to disk before it takes the place of what was there', async () => {
    const path = join(out, 'a.json');
    await writeDurably(path, 'old');
    const file = await open(path, 'r');
    const handles = Object.getPrototypeOf(file) as FileHandle;
    await file.close();
    const sync = vi.spyOn(handles, 'sync').mockRejectedValueOnce(new Error('EIO: the disk is broken'));
    try {
      await expect(writeDurably(path, 'new')).rejects.toThrow('EIO');
    } finally {
      sync.mockRestore();
    }
    expect([await readFile(path, 'utf8'), await readdir(out)]).toEqual(['old', ['a.json']]);
  });

  test('as a round is a whole round, with the results so far, or none', async () => {
    const output = (fails: boolean): Parameters<typeof writeRound>[2] => ({
      orderFolder: 'logs_and_outputs/order_custom/outputs',
      roundFolder: '1-gloss',
      results: [textFile('all_results.json', () => '{}')],
      trained: [
        textFile('adapter/adapter_config.json', () => '{}'),
        fails ? { path: 'round.json', content: breaking } : textFile('round.json', () => '{}'),
      ],
      soFar: { status: 'stopped' } as Parameters<typeof writeRound>[2]['soFar'],
    });
    await expect(writeRound(out, ORDER, output(true))).rejects.toThrow();
    expect([await readdir(rounds()), existsSync(join(out, 'results.json'))]).toEqual([[], false]);
    await writeRound(out, ORDER, output(false));
    expect((await readdir(join(rounds(), '1-gloss'))).toSorted()).toEqual([
      'adapter',
      'all_results.json',
      'round.json',
    ]);
    expect(JSON.parse(await readFile(join(out, 'results.json'), 'utf8'))).toEqual({ status: 'stopped' });
    expect(await readFile(join(rounds(), 'task_order.txt'), 'utf8')).toBe('gloss,field,mood');
  });

  test('in place of a folder leaves the old one if the new one cannot be made', async () => {
    const path = join(out, 'x');
    await writeFolderDurably(path, (draft) => writeFile(join(draft, 'old'), ''));
    const fails = writeFolderDurably(path, () => Promise.reject(new Error('no room')));
    await expect(fails).rejects.toThrow('no room');
    expect([await readdir(path), await readdir(out)]).toEqual([['old'], ['x']]);
    await writeFolderDurably(path, (draft) => writeFile(join(draft, 'new'), ''));
    expect([await readdir(path), await readdir(out)]).toEqual([['new'], ['x']]);
  });
});
