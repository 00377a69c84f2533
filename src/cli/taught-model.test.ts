import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Results } from '../run/results/results.ts';
import { models } from './models.ts';
import { train } from './train.ts';

let folder: string;
let said = '';
/** What the build sets, and what the command writes. */
function watch(): void {
  vi.stubGlobal('__APP_VERSION__', '0.0.0');
  vi.stubGlobal('__APP_COMMIT__', 'test');
  said = '';
  for (const stream of [process.stdout, process.stderr]) {
    vi.spyOn(stream, 'write').mockImplementation((text) => {
      said += String(text);
      return true;
    });
  }
}
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'taught-'));
});
beforeEach(watch);
afterAll(async () => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
  await rm(folder, { recursive: true });
});

const at = (...path: string[]): string => join(folder, ...path);
const resultsIn = async (out: string): Promise<Results> =>
  JSON.parse(await readFile(at(out, 'results.json'), 'utf8')) as Results;

/** A file of mails to sort: `sentence,label`. */
async function mails(file: string, words: readonly [string, string]): Promise<string> {
  const rows = Array.from({ length: 24 }, (_, i) => `the ${words[i % 2]} number ${i},${i % 2 === 0 ? 'yes' : 'no'}`);
  await writeFile(at(file), ['text,label', ...rows].join('\n'));
  return at(file);
}

const SMALL = ['--model', 'embedded-llama', '--device', 'cpu', '--checkpoint', '0'];
const SET = ['training.trainExamples=8', 'training.testExamples=4', 'training.epochs=1'].flatMap((set) => [
  '--set',
  set,
]);
const FROM = ['--device', 'cpu', '--checkpoint', '0'];

describe.each(['gorp-plus', 'er'])('a model that %s has taught', (method) => {
  const name = (part: string): string => `${method}-${part}`;
  let files: string[];
  beforeAll(async () => {
    watch();
    files = [await mails(name('one.csv'), ['bill', 'fault']), await mails(name('two.csv'), ['cat', 'dog'])];
    const own = files.map((file, i) => `${file},name=${['bills', 'pets'][i]}`);
    const begun = [...SMALL, ...SET, '--method', method];
    expect(await train([...begun, '--task', own[0], '--task', own[1], '--out', at(name('whole'))])).toBe(0);
    expect(await train([...begun, '--task', own[0], '--out', at(name('first'))])).toBe(0);
    await rm(files[0]);
    expect(await train(['--from', at(name('first')), '--task', own[1], ...FROM, '--out', at(name('second'))])).toBe(0);
  });

  test('learns more without its old files, as if it had learned all at once', async () => {
    const [whole, more] = [await resultsIn(name('whole')), await resultsIn(name('second'))];
    expect(more.settings.order).toEqual(['bills', 'pets']);
    expect(more.curves.loss).toEqual(whole.curves.loss);
    expect(more.spaces).toEqual(whole.spaces);
    // The matrix goes on: what comes with the model is tested again.
    expect(more.accuracy.exact[2]).toEqual(whole.accuracy.exact[2]);
    expect(more.accuracy.exact[1][0]).toBe(whole.accuracy.exact[1][0]);
    const [trained, wanted] = await Promise.all(
      ['second', 'whole'].map((part) =>
        readFile(at(name(part), 'logs_and_outputs/order_custom/outputs/2-pets/adapter/adapter_model.safetensors')),
      ),
    );
    expect(trained.equals(wanted)).toBe(true);
  });

  test('tells what it was taught', async () => {
    expect(await models(['show', at(name('second'))])).toBe(0);
    expect(said).toMatch(
      /Base model: embedded-llama\nMethod: \S+\n1\. bills, taught \d{4}-\d\d-\d\d: [\d.]+ % then, [\d.]+ % now, 4 tests come with it\n2\. pets/,
    );
  });
});

describe('what cannot be taught', () => {
  const begin = (): Promise<string[]> => readdir(at('gorp-plus-first'));

  test('a name that the model knows is refused, with a name that works', async () => {
    const file = await mails('again.csv', ['a', 'b']);
    const again = train([
      '--from',
      at('gorp-plus-first'),
      '--task',
      `${file},name=bills`,
      ...FROM,
      '--out',
      at('again'),
    ]);
    await expect(again).rejects.toMatchObject({
      code: 'tasks/name-taken',
      nextStep: expect.stringMatching(/name=bills-2/) as string,
    });
  });

  test('nothing, another model, or an order under --resume', async () => {
    expect(await begin()).toContain('results.json');
    const from = ['--from', at('gorp-plus-first'), ...FROM, '--out', at('none')];
    await expect(train(from)).rejects.toThrow(/Name what to teach: .* The model knows bills/);
    await expect(train([...from, '--model', 'embedded'])).rejects.toThrow(/--base embedded/);
    await expect(train(['--from', at('absent'), ...FROM, '--out', at('none')])).rejects.toMatchObject({
      code: 'run/bad-round',
    });
    const round = at('gorp-plus-first/logs_and_outputs/order_custom/outputs/1-bills');
    await expect(train(['--resume', round, '--order', 'field', ...FROM, '--out', at('none')])).rejects.toThrow(
      /gorp-web train --from \S+1-bills --order TASKS/,
    );
  });

  test('another base is named', async () => {
    const file = await mails('base.csv', ['a', 'b']);
    expect(
      await train([
        '--from',
        at('gorp-plus-first'),
        '--base',
        'embedded',
        '--task',
        file,
        ...FROM,
        '--out',
        at('base'),
      ]),
    ).toBe(3);
    expect(said).toContain('run/round-does-not-fit');
  });
});
