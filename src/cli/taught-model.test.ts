import { execFileSync } from 'node:child_process';
import { existsSync, openAsBlob } from 'node:fs';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { zipSync, type Zippable } from 'fflate';
import { parquetWriteBuffer } from 'hyparquet-writer';
import * as v from 'valibot';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { type Results, ResultsSchema } from '../run/results/results.ts';
import { parseOrderFile } from '../run/settings/order-file.ts';
import { bytesOfFile } from '../testing/output-files.ts';
import { startLocalHub } from '../testing/local-hub.ts';
import { tinySettings } from '../testing/tiny-run.ts';
import { textFile } from '../weights/exports/output-file.ts';
import { unzipped } from '../weights/exports/unzip.ts';
import { zipped } from '../weights/exports/zip.ts';
import { models } from './models.ts';
import { openTaught, teachingMore } from './taught-model.ts';
import { train } from './train.ts';

let folder: string;
let said = '';
/** Sets the constants of the build, and records what the command writes. */
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
const SET = [
  'training.generalText=none',
  'training.trainExamples=8',
  'training.testExamples=4',
  'training.epochs=1',
].flatMap((set) => ['--set', set]);
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
  /** The first command that a refusal shows, as a shell splits it when it is pasted. */
  const pasted = (said: string): string[] => {
    const command = /^ {2}.*?gorp-web train (.*)$/m.exec(said)?.[1] ?? expect.fail(said);
    const split = execFileSync('sh', ['-c', `printf '%s\\0' ${command}`], { encoding: 'utf8' });
    return split.split('\0').slice(0, -1);
  };

  test('each mistake is refused with a command that works when it is pasted', async () => {
    const file = await mails('again; and.csv', ['a', 'b']);
    const other = await mails('other.csv', ['c', 'd']);
    let args = ['--from', at('gorp-plus-first'), ...FROM, '--preset', 'quick', '--model', 'embedded-llama'];
    args.push('--method', 'seq-lora', '--task', `${file},name=bills`, '--task', other, '--order', 'bills');
    args.push('--out', at('gorp-plus-second'));
    const refusals: string[] = [];
    for (;;) {
      said = '';
      const refused = await train(args).then(
        () => null,
        (thrown: Error & { nextStep?: string }) => `${thrown.message}\n${thrown.nextStep ?? ''}`,
      );
      if (refused === null) break;
      refusals.push(refused.split('\n')[0]);
      // The folder is taken by a finished run: its second command writes elsewhere.
      args = pasted(refused.includes('another run') ? refused.slice(refused.indexOf('To write elsewhere')) : refused);
    }
    expect(refusals).toEqual([
      expect.stringContaining('leave --preset out'),
      expect.stringContaining('leave --model out'),
      expect.stringContaining('--order does not name the task other'),
      expect.stringContaining('was taught a task bills already'),
      expect.stringContaining('seq-lora builds on'),
      expect.stringContaining('has results.json of another run'),
    ]);
    expect((await resultsIn('gorp-plus-second-2')).settings.order).toEqual(['bills', 'bills 2', 'other']);
  });

  /** Runs what a refusal shows, where it is not `gorp-web train`. */
  const shown = (refused: { nextStep: string }): string[] =>
    execFileSync('sh', ['-c', /^ {2}(.*)$/m.exec(refused.nextStep)?.[1] ?? expect.fail(JSON.stringify(refused))], {
      encoding: 'utf8',
    })
      .trim()
      .split('\n');

  test('a file or folder that is not there is looked for with the command that is shown', async () => {
    await mkdir(at('my mails'));
    const file = await mails('my mails/mails.csv', ['a', 'b']);
    for (const args of [
      ['--task', at('my mails/mail.csv')],
      ['--order', at('my mails/order.json')],
      ['--from', at('my mails/run/again'), '--task', file],
      ['--from', at('my mails'), '--task', file],
      ['--model', at('my mails/model'), '--task', file],
    ]) {
      const refused = await train([...args, ...FROM, '--out', at('none')]).then(
        () => expect.fail(args.join(' ')),
        (thrown: { nextStep: string }) => thrown,
      );
      expect(shown(refused)).toEqual(['mails.csv']);
    }
  });

  test('resuming needs a folder, which the command that is shown names', async () => {
    const file = await mails('resumed.csv', ['a', 'b']);
    const begun = [...SMALL, ...SET, '--method', 'seq-lora', '--task', file, '--resume', 'auto'];
    const given = begun.filter((arg, i) => arg !== '--checkpoint' && begun[i - 1] !== '--checkpoint');
    const refused = await train(given).catch((thrown: Error) => thrown.message);
    const again = pasted(String(refused));
    expect(again.slice(0, -2)).toEqual(given);
    expect(again.slice(-2)).toEqual(['--out', 'run']);
    expect(await train([...again.slice(0, -1), at('by-auto'), '--checkpoint', '0'])).toBe(0);
  });

  test('one lesson more than a method was told begins with the base model, by the command that is shown', async () => {
    const one = await mails('told.csv', ['a', 'b']);
    const begun = [...SMALL, ...SET, '--method', 'inf-lora', '--task', one, '--out', at('told')];
    expect(await train(begun)).toBe(0);
    const more = ['--from', at('told'), '--task', await mails('untold.csv', ['c', 'd']), ...FROM];
    const refused = await train([...more, '--out', at('untold')]).catch(
      (thrown: { nextStep: string }) => thrown.nextStep,
    );
    const again = pasted(String(refused));
    expect(again).toContain('embedded-llama');
    expect(await train(again)).toBe(0);
    const { settings } = await resultsIn('untold');
    expect([settings.method.name, settings.order]).toEqual(['gorp-plus', ['untold']]);
  });

  const VALUES = {
    from: { type: 'string' },
    out: { type: 'string' },
    task: { type: 'string' },
    order: { type: 'string' },
  } as const;

  test('nothing, a folder without a model, or what resuming cannot do', async () => {
    const from = ['--from', at('gorp-plus-first'), ...FROM, '--out', at('none')];
    await expect(train(from)).rejects.toThrow(/The model knows bills\.\n {2}.* --task FILE/);
    await expect(train(['--from', at('absent'), ...FROM, '--out', at('none')])).rejects.toMatchObject({
      code: 'run/bad-round',
    });
    const more = await mails('more.csv', ['x', 'y']);
    const run = at('gorp-plus-first');
    const round = at('gorp-plus-first/logs_and_outputs/order_custom/outputs/1-bills');
    const begun = [...SMALL, ...SET, '--method', 'gorp-plus', '--task', `${more},name=bills`];
    const [none, next] = [at('none'), `${run}-2`];
    for (const [args, wanted] of [
      [['--resume', run, '--task', more], { from: run, task: more }],
      [['--resume', round, '--task', more, '--out', none], { from: round, task: more, out: none }],
      [['--resume', round, '--order', 'field', '--out', none], { from: round, order: 'field', out: none }],
      [['--resume', 'auto', '--task', more, '--out', run], { from: run, task: more, out: next }],
      [['--resume', 'auto', ...begun, '--task', more, '--out', run], { from: run, task: more, out: next }],
    ] as const) {
      const refused = await train([...args]).catch((thrown: Error) => thrown.message);
      const { values } = parseArgs({ args: pasted(String(refused)), strict: false, options: VALUES });
      const { from, task, order, out, resume } = values;
      expect({ from, task, order, out, resume }).toEqual({
        task: undefined,
        order: undefined,
        out: undefined,
        resume: undefined,
        ...wanted,
      });
    }
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
    expect(pasted(said)).not.toContain('--base');
  });
});

describe('a model in a file for somebody else', () => {
  let whole: string;
  beforeAll(async () => {
    watch();
    const begun = [...SMALL, ...SET, '--method', 'gorp-plus', '--out', at('shared-run')];
    expect(await train([...begun, '--task', `${await mails('shared.csv', ['bill', 'fault'])},name=bills`])).toBe(0);
    whole = at('bills.zip');
    expect(await models(['share', at('shared-run'), '--out', whole, '--with-tests'])).toBe(0);
  });

  /** Runs a command that fails. @returns the error. */
  const failing = (command: Promise<unknown>): Promise<{ code: string; message: string; nextStep: string }> =>
    command.then(
      () => expect.unreachable(),
      (thrown: { code: string; message: string; nextStep: string }) => thrown,
    );

  test('holds the texts of its tests only if asked, names no path, and tells what it was taught', async () => {
    const bare = at('bare.zip');
    const draft = `${bare}.${crypto.randomUUID()}.partial`;
    await writeFile(draft, ''); // a killed process left it
    expect(await models(['share', at('shared-run'), '--out', bare])).toBe(0);
    expect(existsSync(draft)).toBe(false);
    expect(said).toContain('without the texts of its 4 tests');
    const [textsIn, textsWith] = await Promise.all([bare, whole].map((file) => manifestIn(file)));
    expect(textsWith).toContain('the bill number');
    expect(textsIn).not.toContain('the bill number');
    said = '';
    expect(await models(['show', bare])).toBe(0);
    expect(said).toMatch(/Base model: embedded-llama\nMethod: .*\n1\. bills, taught .* then, .* now\n/);
    expect(await failing(models(['share', bare, '--out', bare]))).toMatchObject({ code: 'run/out-is-taken' });
  });

  test('is taught more, and gives the losses and scores of the folder it came from', async () => {
    const task = ['--task', `${await mails('pets.csv', ['cat', 'dog'])},name=pets`];
    for (const [out, from] of [
      ['by-folder', at('shared-run')],
      ['by-file', whole],
    ])
      expect(await train([...FROM, '--from', from, ...task, '--out', at(out)])).toBe(0);
    const [byFolder, byFile] = await Promise.all(['by-folder', 'by-file'].map(resultsIn));
    expect(byFile.curves.loss).toEqual(byFolder.curves.loss);
    expect(byFile.accuracy).toEqual(byFolder.accuracy);
  });

  test('opens too when another program has packed it, compressed and in a folder', async () => {
    const files = await unzipped(await openAsBlob(whole));
    const packed = await Promise.all(
      files.map(async ({ path, open }) => [`mails/${path}`, await bytesIn(await open())]),
    );
    await writeFile(at('packed.zip'), zipSync(Object.fromEntries(packed) as Zippable));
    said = '';
    expect(await models(['show', at('packed.zip')])).toBe(0);
    expect(said).toMatch(/1\. bills, taught .*, 4 tests come with it\n/);
  });

  test('is refused when it is cut off, damaged, no model, or of a newer version', async () => {
    const bytes = await readFile(whole);
    const given = async (name: string, content: Uint8Array): Promise<string> => {
      await writeFile(at(name), content);
      return at(name);
    };
    const show = async (name: string, content: Uint8Array) => failing(models(['show', await given(name, content)]));
    expect(await show('cut.zip', bytes.subarray(0, bytes.length >> 1))).toMatchObject({
      code: 'run/bad-zip',
      message: expect.stringMatching(/cut\.zip: .* its end is missing\. It was cut off/) as string,
    });
    expect(await show('none.zip', bytes.subarray(0, 0))).toMatchObject({
      message: expect.stringContaining('it is empty') as string,
    });
    const flipped = Uint8Array.from(bytes);
    flipped[bytes.indexOf('"__metadata__"') + 4000] ^= 1;
    expect(await show('flipped.zip', flipped)).toMatchObject({ code: expect.stringMatching(/^run\/bad-/) as string });
    expect(await show('text.zip', new TextEncoder().encode('no zip'))).toMatchObject({ code: 'run/bad-zip' });
    const manifest = await manifestIn(whole);
    const archive = async (files: Record<string, string>): Promise<Uint8Array> => {
      const all = Object.entries(files).map(([path, text]) => textFile(path, () => text));
      return bytesOfFile({ path: '', content: () => zipped(all) });
    };
    expect(await show('empty.zip', await archive({ 'a.txt': 'x' }))).toMatchObject({
      code: 'run/bad-round',
      message: expect.stringContaining('no round.json') as string,
    });
    for (const [newer, what] of [
      [manifest.replace('"version":1', '"version":2'), 'version 2'],
      [
        manifest.replace('"schema":"gorp-web/results","version":2', '"schema":"gorp-web/results","version":3'),
        'results.version 3',
      ],
      [manifest.replace(/}$/, ',"later":1}'), 'a field later'],
    ])
      expect(await show('newer.zip', await archive({ 'round.json': newer }))).toMatchObject({
        code: 'run/bad-round',
        message: expect.stringContaining(`a newer gorp-web saved it: round.json has ${what}.`) as string,
        nextStep: expect.stringContaining('update this one') as string,
      });
    // Only the names of a model's own files are looked up, and nothing is written.
    const hostile = await archive({ '../round.json': manifest, '../../state.safetensors': 'x' });
    expect(await show('hostile.zip', hostile)).toMatchObject({ code: 'run/bad-round' });
  });

  test('names its base, and what to do, if it is missing or another', async () => {
    const base = at('base');
    await cp(join('public', 'embedded', 'llama'), base, { recursive: true });
    const task = async (name: string): Promise<string> =>
      `${await mails(`${name}.csv`, ['bill', 'fault'])},name=${name}`;
    const begun = [...FROM, ...SET, '--model', base, '--method', 'seq-lora', '--out', at('on-disk')];
    expect(await train([...begun, '--task', await task('bills')])).toBe(0);
    const file = at('on-disk.zip');
    expect(await models(['share', at('on-disk'), '--out', file])).toBe(0);
    expect(await manifestIn(file)).not.toContain(folder);
    const more = async (...options: string[]): Promise<string> => {
      said = '';
      const code = await train(['--device', 'cpu', '--from', file, '--task', await task('pets'), ...options]);
      return `${code}: ${said}`;
    };
    expect(await failing(more())).toMatchObject({
      code: 'run/no-base-model',
      message: expect.stringContaining(' taught on base,') as string,
      nextStep: expect.stringContaining('--base PATH') as string,
    });
    expect(await more('--base', 'embedded')).toMatch(/^3: [^]*run\/round-does-not-fit/);
    expect(await more('--base', base)).toMatch(/^0: /);
  });
});

const bytesIn = async (blob: Blob): Promise<Uint8Array> => new Uint8Array(await blob.arrayBuffer());

/** The manifest in an archive. */
async function manifestIn(file: string): Promise<string> {
  const inside = await unzipped(await openAsBlob(file));
  return (await inside.find(({ path }) => path === 'round.json')?.open())?.text() ?? expect.fail('no manifest');
}

test('a model of o-lora that version 7ad49aba saved opens, and is taught more', async () => {
  const old = join('reference', 'saved', '7ad49aba-two-tasks');
  said = '';
  expect(await models(['show', old])).toBe(0);
  expect(said).toMatch(/Base model: embedded-llama\nMethod: .*o-lora.*\n1\. mails, .* then, .* now\n2\. pets, /);
  const task = `${await mails('later.csv', ['sun', 'rain'])},name=later`;
  expect(await train([...FROM, '--from', old, '--task', task, '--out', at('later')])).toBe(0);
  const { settings, accuracy } = await resultsIn('later');
  expect(settings.order).toEqual(['mails', 'pets', 'later']);
  // Its tests were not saved with it then.
  expect(accuracy.exact[3]).toEqual([null, null, expect.any(Number)]);
});

test('a model that watches a task is taught more without it if --watch none says so', async () => {
  const model = await openTaught(join('reference', 'saved', '7ad49aba-two-tasks'));
  const { results } = model.round;
  const watches = { ...results, settings: { ...results.settings, watch: ['kinds'] } };
  const watchedWith = async (...watch: string[]): Promise<readonly string[] | undefined> => {
    const values = { model: '', tasks: 'embedded', order: 'field', task: [], watch, preset: 'full', set: [] };
    const { settings } = await teachingMore(
      { ...model, round: { ...model.round, results: watches } },
      ['--order', 'field'],
      values,
    );
    return settings.watch;
  };
  expect(await watchedWith()).toEqual(['kinds']);
  expect(await watchedWith('none')).toBeUndefined();
  expect(await watchedWith('none', 'gloss')).toEqual(['gloss']);
});

test('a model is taught more by a data set of the hub that --tasks names', async () => {
  const hub = await startLocalHub();
  vi.stubEnv('HF_ENDPOINT', hub.endpoint);
  const column = (name: string) => ({ name, data: Array.from({ length: 9 }, (_, i) => `${name} ${i}`) });
  const rows = new Uint8Array(parquetWriteBuffer({ columnData: ['question', 'answer'].map(column) }));
  hub.push('datasets/org/asked', { 'default/train/0000.parquet': rows }, 'refs/convert/parquet');
  const model = await openTaught(join('reference', 'saved', '7ad49aba-two-tasks'));
  const values = { model: '', order: 'embedded', task: [], watch: [], preset: 'full', set: [] };
  const teach = (tasks: string, ...args: string[]) =>
    teachingMore(model, ['--tasks', tasks, ...args], { ...values, tasks });
  const { settings, customTasks } = await teach('org/asked');
  expect([settings.order, settings.tasks]).toEqual([['mails', 'pets', 'asked'], 'embedded']);
  expect(customTasks.map(({ name }) => name)).toEqual(['asked']);
  await expect(teach('org/asked,name=pets')).rejects.toMatchObject({
    code: 'tasks/name-taken',
    nextStep: expect.stringMatching(/ train --task .org\/asked,name=pets 2.$/) as string,
  });
  vi.unstubAllEnvs();
  await hub.close();
});

test('a run that version 7ad49aba saved resumes, and its results and its order file open', async () => {
  const old = join('reference', 'saved', '7ad49aba-run');
  const ended = v.parse(ResultsSchema, JSON.parse(await readFile(join(old, 'results.json'), 'utf8')));
  expect(await train([...FROM, '--resume', join(old, 'checkpoint'), '--out', at('resumed')])).toBe(0);
  const { curves, accuracy, breaks } = await resultsIn('resumed');
  expect(breaks).toEqual([{ cause: 'restart', step: 20, again: null }]);
  // Batches have no padding since then, so the steps that were left differ by rounding.
  expect(curves.loss.slice(0, 20)).toEqual(ended.curves.loss.slice(0, 20));
  for (const [step, loss] of curves.loss.entries()) expect(loss).toBeCloseTo(ended.curves.loss[step], 5);
  expect(accuracy).toEqual(ended.accuracy);
  const { method, order } = parseOrderFile(await readFile(join(old, 'order.json'), 'utf8'), 'order.json');
  expect([method, order]).toEqual([tinySettings('gorp-plus').method, ['gloss', 'field']]);
});
