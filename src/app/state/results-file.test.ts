import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { lineOf } from '../../run/results/results.ts';
import { resultsText } from '../ui/download.ts';
import { whole } from '../ui/format.ts';
import { quickResults } from '../../testing/scripted-results.ts';
import { parseResultsFile, resultsLink, resultsOfHash, runsIn } from './results-file.ts';
import { gzipJson } from './history.ts';
import { linkWith } from './set-up.ts';

const results = quickResults('gorp', 1);
/** The settings of a run by a form of its method that is gone. */
const gone = { ...results.settings, method: { ...results.settings.method, projType: 'left' } };
const codeOf = (text: string): string => {
  try {
    parseResultsFile(text, 'a.json');
  } catch (error) {
    return (error as { code: string; message: string }).message.includes('a.json')
      ? (error as { code: string }).code
      : '';
  }
  return 'read';
};

describe('parseResultsFile', () => {
  it('reads what a download wrote', () => {
    expect(parseResultsFile(resultsText(results), 'a.json')).toEqual(results);
  });

  it.each([
    ['nothing', '', 'run/no-results-file'],
    ['text', 'step,loss\n1,2\n', 'run/no-results-file'],
    ['a file of another program', JSON.stringify({ schema: 'trainer/state', version: 2 }), 'run/no-results-file'],
    ['a list', '[1, 2]', 'run/no-results-file'],
    ['an earlier version', JSON.stringify({ ...results, version: 1 }), 'run/results-version'],
    ['a later version', JSON.stringify({ ...results, version: 3 }), 'run/results-version'],
    ['a file without its device', JSON.stringify({ ...results, device: undefined }), 'run/bad-results-file'],
    [
      'curves cut off',
      JSON.stringify({ ...results, curves: { ...results.curves, loss: [1] } }),
      'run/bad-results-file',
    ],
    [
      'settings out of range',
      JSON.stringify({ ...results, settings: { ...results.settings, order: [] } }),
      'run/bad-results-file',
    ],
    [
      'a task with a million labels',
      JSON.stringify({ ...results, tasks: results.tasks.map((task) => ({ ...task, labels: Array(1e6).fill('a') })) }),
      'run/bad-results-file',
    ],
    ['a setting that is gone', JSON.stringify({ ...results, settings: gone }), 'settings/gone'],
  ])('refuses %s', (_, text, code) => expect(codeOf(text)).toBe(code));
});

describe('a link to results', () => {
  const PAGE = 'https://example.org/gorp/?debug=1';
  const hashOf = (link: string): string => new URL(link).hash;

  it('holds all of them, in the part of the address that no server gets', async () => {
    const link = await resultsLink(PAGE, results);
    expect(link).toMatch(/^https:\/\/example\.org\/gorp\/#results=[\w-]+$/);
    expect(await resultsOfHash(hashOf(link))).toEqual(results);
    expect(await resultsOfHash('#set-up=e30')).toBeNull();
    expect(await resultsOfHash('')).toBeNull();
  });

  it('is refused where it is cut, changed, of another version, or would unpack to more than fits', async () => {
    const hash = hashOf(await resultsLink(PAGE, results));
    for (const end of [9, 10, 40, Math.floor(hash.length / 2), hash.length - 8, hash.length - 1]) {
      await expect(resultsOfHash(hash.slice(0, end)), `cut after ${end}`).rejects.toMatchObject({
        code: 'run/bad-results-link',
      });
    }
    await expect(resultsOfHash(`${hash}%20`)).rejects.toMatchObject({ code: 'run/bad-results-link' });
    await expect(resultsOfHash(hash, 1000)).rejects.toMatchObject({ code: 'run/bad-results-link' });
    const later = hashOf(linkWith(PAGE, 'results', await gzipJson({ ...results, version: 3 })));
    await expect(resultsOfHash(later)).rejects.toMatchObject({
      code: 'run/results-version',
      message: 'The link is a results file of version 3, but this page reads version 2.',
    });
  });

  it('is not made where it would be too long for a browser, with the number', async () => {
    const { length } = await resultsLink(PAGE, results);
    await expect(resultsLink(PAGE, results, length)).resolves.toHaveLength(length);
    await expect(resultsLink(PAGE, results, length - 1)).rejects.toMatchObject({
      code: 'run/results-link-too-long',
      message: expect.stringContaining(`${whole(length)} characters; not every browser opens more`) as unknown,
    });
  });
});

describe('runsIn', () => {
  const other = quickResults('seq-lora', 2);
  const error = { code: 'run/not-finite', message: 'Diverged.', nextStep: 'Start again.' } as const;
  const part = [
    { run: 'one', results },
    { run: 'two', error },
    { run: 'three', results: other },
  ]
    .map(lineOf)
    .join('');

  it('reads the finished runs of a part of a study, also packed, without a last line that was cut off', async () => {
    expect(await runsIn(new File([JSON.stringify(results)], 'a.json'))).toEqual([results]);
    expect(await runsIn(new File([part], 'a.jsonl'))).toEqual([results, other]);
    expect(await runsIn(new File([part, part.slice(0, 99)], 'a.jsonl'))).toEqual([results, other]);
    const last = new File([part.trimEnd()], 'a.jsonl');
    expect(await runsIn(last), 'only its line feed is missing').toEqual([results, other]);
    expect(await runsIn(new File([new Uint8Array(gzipSync(part))], 'a.jsonl.gz'))).toEqual([results, other]);
  });

  it('refuses a file that is too large to be results', async () => {
    const limit = part.length - 1;
    for (const name of ['a.json', 'a.jsonl'])
      await expect(runsIn(new File([part], name), limit)).rejects.toMatchObject({ code: 'run/bad-results-file' });
  });

  it('refuses settings with faults for a hundred thousand tasks at the first', async () => {
    const perTask = Object.fromEntries(Array.from({ length: 1e5 }, (_, i) => [`t${i}`, {}]));
    const text = JSON.stringify({ ...results, settings: { ...results.settings, perTask } });
    const before = process.cpuUsage().user;
    await expect(runsIn(new File([text], 'a.json'))).rejects.toMatchObject({ code: 'run/bad-results-file' });
    // Naming all of them took 20 seconds.
    expect((process.cpuUsage().user - before) / 1e6).toBeLessThan(5);
  });

  it('reads a run whose gone settings have the value of today, and refuses others by name, file and line', async () => {
    const today = { ...results.settings.method, projType: 'std', projection: 'fast', spaceRule: 'paper' };
    const before = JSON.stringify({ ...results, settings: { ...results.settings, method: today } });
    expect(await runsIn(new File([before], 'a.json'))).toEqual([results]);
    const line = `${JSON.stringify({ run: 'one', results: { ...results, settings: gone } })}\n`;
    await expect(runsIn(new File([line], 'a.jsonl'))).rejects.toMatchObject({
      code: 'settings/gone',
      message: expect.stringMatching(/^a\.jsonl, line 1 has results\.settings\.method\.projType: .*"left"/) as string,
    });
  });

  it('refuses what is damaged, by file and line', async () => {
    const cut = new File([part.replace('"finished"', '')], 'a.jsonl');
    await expect(runsIn(cut)).rejects.toMatchObject({
      code: 'run/bad-results',
      message: expect.stringMatching(/^a\.jsonl, line 1 /) as string,
    });
    const short = new File([new Uint8Array(gzipSync(part)).subarray(0, -9)], 'a.jsonl.gz');
    await expect(runsIn(short)).rejects.toMatchObject({ code: 'run/bad-results-file' });
  });

  it('stops unpacking a small file that would fill the memory', async () => {
    const bomb = new File([new Uint8Array(gzipSync(Buffer.alloc(2 ** 22)))], 'a.jsonl.gz');
    await expect(runsIn(bomb, 2 ** 20)).rejects.toMatchObject({
      code: 'run/bad-results-file',
      message: expect.stringContaining('more than 1.00 MiB') as string,
    });
  });
});
