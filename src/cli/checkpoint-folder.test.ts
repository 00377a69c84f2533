import { mkdir, mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { RunEvent } from '../run/events.ts';
import { ADAPTER_FILE, CHECKPOINT_FILE } from '../run/outputs/layout.ts';
import { Run } from '../run/run.ts';
import { textFile } from '../weights/exports/output-file.ts';
import { tinyHost, tinySettings } from '../testing/tiny-run.ts';
import { CheckpointFolder } from './checkpoint-folder.ts';
import { openOrigin } from './resume.ts';

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
    expect(await openOrigin('auto', out, warn)).toMatchObject({ path: join(out, 'checkpoints', names[1]) });
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
    expect(await openOrigin('auto', out, warn)).toMatchObject({ path: join(out, 'checkpoints', before) });
    expect(warnings).toEqual([expect.stringMatching(reported)]);
    await expect(openOrigin(join(out, 'checkpoints', last), undefined, warn)).rejects.toMatchObject({
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

  test('do not write again what has not changed, and each is complete without the others', async () => {
    const checkpoints = folder();
    const same = { ...textFile('part/same', () => 'large'), isUnchanged: true };
    const paths = (name: string): string[] => ['part/same', 'b'].map((path) => join(out, 'checkpoints', name, path));
    await checkpoints.save([same, textFile('b', () => '1')]); // the first of a process has none before it
    await checkpoints.save([same, textFile('b', () => '2')]);
    const inodes = await Promise.all(['000001', '000002'].map(async (name) => (await stat(paths(name)[0])).ino));
    expect(inodes[1]).toBe(inodes[0]);
    await checkpoints.save([same, textFile('b', () => '3')]);
    expect(await numbers()).toEqual(['000002', '000003']);
    expect(await Promise.all(paths('000003').map((path) => readFile(path, 'utf8')))).toEqual(['large', '3']);
    await rm(join(out, 'checkpoints', '000003'), { recursive: true });
    await checkpoints.save([same, textFile('b', () => '4')]);
    expect(await Promise.all(paths('000003').map((path) => readFile(path, 'utf8'))), 'it is written again').toEqual([
      'large',
      '4',
    ]);
  });

  test('start fresh in an empty folder, and need a folder', async () => {
    expect(await openOrigin('auto', out, warn)).toBeNull();
    await expect(openOrigin('auto', undefined, warn)).rejects.toThrow('--out');
  });
});
