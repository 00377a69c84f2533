import { mkdir, mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { RunEvent } from '../run/events/events.ts';
import { ADAPTER_FILE, CHECKPOINT_FILE } from '../run/files/layout.ts';
import { Run } from '../run/run.ts';
import { textFile } from '../weights/exports/output-file.ts';
import { tinyHost, tinySettings } from '../testing/tiny-run.ts';
import { CheckpointFolder } from './checkpoint-folder.ts';
import { openLast, openOrigin } from './resume.ts';
import { writeRound } from './round-folder.ts';

let out: string;
let warnings: string[];
beforeEach(async () => {
  out = await mkdtemp(join(tmpdir(), 'checkpoints-'));
  warnings = [];
});
afterEach(() => rm(out, { recursive: true }));

const warn = (message: string): void => void warnings.push(message);
const folder = (everySeconds = 0): CheckpointFolder => new CheckpointFolder(out, everySeconds, warn);
const numbers = async (): Promise<string[]> => (await readdir(join(out, 'checkpoints'))).sort();

/** A run that saves a checkpoint at every step, into `out`. */
async function leaveCheckpoints(): Promise<number> {
  const events: RunEvent[] = [];
  await new Run(
    tinyHost((event) => events.push(event), { checkpoints: folder() }),
    { ...tinySettings('seq-lora', { epochs: 1 }), order: ['gloss'] },
  ).execute();
  expect(events.at(-1)?.type).toBe('finished');
  return events.filter((event) => event.type === 'progress' && event.phase === 'checkpoint').length;
}

describe('checkpoints on disk', () => {
  test('are the last two of a run, both complete, and are removed when it ends', async () => {
    expect(await leaveCheckpoints()).toBeGreaterThan(2);
    const names = await numbers();
    expect(names).toHaveLength(2);
    const [before, last] = await Promise.all(
      names.map(async (name) => {
        const file = await readFile(join(out, 'checkpoints', name, CHECKPOINT_FILE), 'utf8');
        return JSON.parse(file) as { place: object };
      }),
    );
    expect(last.place).not.toEqual(before.place);
    expect(await folder().last()).toMatchObject({ place: last.place });
    expect(await openLast(out, warn)).toMatchObject({ path: join(out, 'checkpoints', names[1]) });
    await folder().clear();
    expect(await readdir(out)).toEqual([]);
    expect(warnings).toEqual([]);
  });

  test.each([
    ['cut short', (path: string) => truncate(join(path, ADAPTER_FILE), 1000), /has 1000 bytes/],
    [
      'damaged',
      async (path: string) => {
        const bytes = await readFile(join(path, ADAPTER_FILE));
        bytes[bytes.length - 3] ^= 1;
        await writeFile(join(path, ADAPTER_FILE), bytes);
      },
      /is damaged/,
    ],
    ['of another kind', (path: string) => writeFile(join(path, CHECKPOINT_FILE), '{"schema":"x"}'), /schema/],
    ['without its state', (path: string) => rm(join(path, ADAPTER_FILE)), /has no adapter/],
  ])('reports one that is %s, and uses the one before it', async (_, harm, reported) => {
    await leaveCheckpoints();
    const [before, last] = await numbers();
    await harm(join(out, 'checkpoints', last));
    expect(await openLast(out, warn)).toMatchObject({ path: join(out, 'checkpoints', before) });
    expect(warnings).toEqual([expect.stringMatching(reported)]);
    await expect(openOrigin(join(out, 'checkpoints', last))).rejects.toMatchObject({
      code: 'run/bad-checkpoint',
    });
  });

  test('that cannot be written leave earlier ones intact, and no partial one', async () => {
    await folder().save([textFile('a', () => '1')]);
    const broken = {
      path: 'b',
      // oxlint-disable-next-line typescript/require-await -- fails before its first piece
      content: async function* (): AsyncGenerator<Uint8Array> {
        throw new Error('no room');
      },
    };
    await expect(folder().save([textFile('a', () => '2'), broken])).rejects.toMatchObject({ code: 'store/failed' });
    expect(await numbers()).toEqual(['000001']);
    await mkdir(join(out, 'checkpoints', 'of somebody else'));
    await folder().save([textFile('a', () => '2')]);
    await folder().save([textFile('a', () => '3')]);
    expect(await numbers()).toEqual(['000002', '000003', 'of somebody else']);
  });

  test('do not write again what has not changed, and the two share no file', async () => {
    const checkpoints = folder();
    const same = { ...textFile('part/same', () => 'large'), isUnchanged: true };
    const paths = (name: string): string[] => ['part/same', 'b'].map((path) => join(out, 'checkpoints', name, path));
    const texts = (name: string): Promise<string[]> => Promise.all(paths(name).map((path) => readFile(path, 'utf8')));
    const inode = async (name: string): Promise<number> => (await stat(paths(name)[0])).ino;
    // The first two of a process have none before the last.
    for (const text of ['1', '2']) await checkpoints.save([same, textFile('b', () => text)]);
    const before = [await inode('000001'), await inode('000002')];
    expect(before[0]).not.toBe(before[1]);
    await checkpoints.save([same, textFile('b', () => '3')]);
    await checkpoints.save([same, textFile('b', () => '4')]);
    expect(await numbers()).toEqual(['000003', '000004']);
    expect([await inode('000003'), await inode('000004')]).toEqual(before);
    expect([await texts('000003'), await texts('000004')]).toEqual([
      ['large', '3'],
      ['large', '4'],
    ]);
    await rm(join(out, 'checkpoints', '000003'), { recursive: true });
    await checkpoints.save([same, textFile('b', () => '5')]);
    expect(await texts('000005'), 'it is written again').toEqual(['large', '5']);
  });

  test('of which neither can be used are named: the run resumes from its last round, or waits for a decision', async () => {
    await leaveCheckpoints();
    for (const name of await numbers()) await truncate(join(out, 'checkpoints', name, ADAPTER_FILE), 1000);
    await expect(openLast(out, warn)).rejects.toMatchObject({
      code: 'run/bad-checkpoint',
      message: `None of the checkpoints in ${join(out, 'checkpoints')} can be used, and no model is saved.`,
    });
    expect(warnings).toHaveLength(2);
    const saveRound = writeRound.bind(null, out, ['gloss']);
    await new Run(
      tinyHost(() => undefined, { saveRound }),
      { ...tinySettings('seq-lora', { epochs: 1 }), order: ['gloss'] },
    ).execute();
    expect(await openLast(out, warn)).toMatchObject({ round: { round: 1 } });
    expect(warnings.at(-1)).toContain('None of the checkpoints can be used: the run resumes from its last saved model');
  });

  test('are missing in an empty folder: the run begins', async () => {
    expect(await openLast(out, warn)).toBeNull();
  });
});
