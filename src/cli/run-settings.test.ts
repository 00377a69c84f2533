import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { orderFileOf } from '../run/settings/order-file.ts';
import { chooseRun, inStartingForm, promptsText, type SettingsValues } from './run-settings.ts';
import { repositoryOf } from '../testing/model-repository.ts';
import { TINY_FAMILIES } from '../testing/tiny-families.ts';
import { withFiles } from './resume.ts';

let folder: string;
beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), 'settings-'))));
afterEach(() => rm(folder, { recursive: true }));

const values = (given: Partial<SettingsValues> = {}): SettingsValues => ({
  model: 'embedded',
  tasks: 'embedded',
  order: 'embedded',
  preset: 'full',
  task: [],
  watch: [],
  set: [],
  ...given,
});

async function file(name: string, content: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, content);
  return path;
}
const qa = (name: string): Promise<string> =>
  file(
    name,
    Array.from({ length: 10 }, (_, i) => JSON.stringify({ prompt: `question ${i}`, completion: `answer ${i}` })).join(
      '\n',
    ),
  );

describe('watched tasks on the command line', () => {
  test('are named, or made of files, and stay out of the order', async () => {
    const path = await qa('mine.jsonl');
    const { settings, customTasks } = await chooseRun(
      values({ preset: 'quick', watch: ['sst2', 'kinds', `${path},name=own`] }),
    );
    expect(settings.watch).toEqual(['SST-2', 'kinds', 'own']);
    expect(settings.order).toEqual(['people', 'emoji']);
    expect(customTasks.map(({ name }) => name)).toEqual(['own']);
  });

  test('are refused if they are learned too, or if there is neither such a task nor a file', async () => {
    await expect(chooseRun(values({ preset: 'quick', watch: ['people'] }))).rejects.toThrow(
      /either learned or only tested/,
    );
    await expect(chooseRun(values({ preset: 'quick', watch: ['nothing'] }))).rejects.toMatchObject({
      code: 'tasks/not-found',
    });
  });

  test('are in an order file, and more can be added', async () => {
    const { settings } = await chooseRun(values({ preset: 'quick', watch: ['field'] }));
    const order = await file('order.json', JSON.stringify(orderFileOf(settings, [])));
    expect((await chooseRun(values({ order, watch: ['kinds'] }))).settings.watch).toEqual(['field', 'kinds']);
  });

  test('are not the general text, which every run is measured by unless it names another or none', async () => {
    const path = await file('notes.txt', 'A line of text.\n'.repeat(40));
    const text = async (...watch: string[]): Promise<[string, readonly string[]]> => {
      const { settings, customTasks } = await chooseRun(values({ preset: 'quick', watch }));
      expect(settings.watch).toBeUndefined();
      return [settings.training.generalText, customTasks.map(({ name }) => name)];
    };
    expect(await text()).toEqual(['included', []]);
    expect(await text('general')).toEqual(['included', []]);
    expect(await text('none')).toEqual(['none', []]);
    expect(await text('none', 'general')).toEqual(['included', []]);
    expect(await text(`general=${path},name=mine`)).toEqual(['own:mine', ['mine']]);
    await expect(text('general=gone.txt')).rejects.toMatchObject({ code: 'tasks/not-found' });
    const empty = join(folder, 'empty');
    await mkdir(empty);
    await expect(text(`general=${empty}`)).rejects.toMatchObject({ code: 'tasks/empty' });
    await expect(chooseRun(values({ preset: 'quick', set: ['training.generalText=all'] }))).rejects.toThrow(
      /generalText: Choose included, none or own:NAME/,
    );
  });

  test('of a resumed run may be named again with its own general text', async () => {
    const path = await file('notes.txt', 'A line of text.\n'.repeat(40));
    const { settings } = await chooseRun(values({ preset: 'quick', watch: [`general=${path},name=mine`] }));
    const again = await withFiles(settings, values({ watch: [`general=${path},name=mine`] }));
    expect([again.settings, again.customTasks.map(({ name }) => name)]).toEqual([settings, ['mine']]);
    expect((await withFiles(settings, values())).settings).toEqual(settings);
  });

  test('of the same file as a learned task are said', async () => {
    const path = await qa('mine.jsonl');
    const { notes } = await chooseRun(values({ task: [path], watch: [`${path},name=again`] }));
    expect(notes).toContain('again and mine are the same file.');
  });
});

describe('--set', () => {
  test('reads a share in percent, and refuses a warm-up given twice, from an order file too', async () => {
    const set = ['training.validationExamples=10%', 'training.warmupRatio=2.5 %'];
    const { settings } = await chooseRun(values({ set }));
    expect(settings.training).toMatchObject({ validationExamples: 0.1, warmupRatio: 0.025 });
    const refused = { code: 'settings/invalid', message: expect.stringContaining('set the other to 0') as string };
    const steps = 'training.warmupSteps=5';
    await expect(chooseRun(values({ set: [...set, steps] }))).rejects.toMatchObject(refused);
    const order = await file('order.json', JSON.stringify(orderFileOf(settings, [])));
    await expect(chooseRun(values({ order, set: [steps] }))).rejects.toMatchObject(refused);
    await expect(chooseRun(values({ set: ['training.epochs=10%'] }))).rejects.toMatchObject({
      code: 'settings/invalid',
    });
  });
});

describe('--set of a setting that does not exist', () => {
  test.each([
    ['epochs', 'There is no setting epochs: did you mean training.epochs?'],
    ['learningRate', 'There is no setting learningRate: did you mean method.learningRate?'],
    ['method.gateWidth', /^seq-lora has no setting gateWidth\. There are method\.learningRate, method\.loraRank, /],
    ['training.nothing', /^There is no setting training\.nothing\. There are .*training\.epochs, /],
    ['train.epochs', 'There is no setting train.epochs: did you mean training.epochs?'],
    ['nothing', 'There is no setting nothing: settings begin with method. or training.'],
  ])('%s says what there is', async (path, message) => {
    await expect(chooseRun(values({ method: 'seq-lora', set: [`${path}=1`] }))).rejects.toThrow(message);
  });
});

describe('orders on the command line', () => {
  test('of SuperNI have the published settings, and need its folder', async () => {
    await mkdir(join(folder, 'SuperNI'));
    const { settings } = await chooseRun(values({ order: 'superni-2', tasks: folder }));
    expect(settings.order).toHaveLength(15);
    expect(settings.training).toMatchObject({ epochs: 100, trainExamples: 0, sourceLength: 512 });
    expect(settings.method.loraRank).toBe(4);
    await expect(chooseRun(values({ order: 'superni-2' }))).rejects.toThrow(/needs SuperNI/);
  });

  test('of TRACE has the published epochs, and needs its folder', async () => {
    const { settings } = await chooseRun(values({ order: 'trace', tasks: folder }));
    expect(settings.order).toEqual([
      'C-STANCE',
      'FOMC',
      'MeetingBank',
      'Py150',
      'ScienceQA',
      'NumGLUE-cm',
      'NumGLUE-ds',
      '20Minuten',
    ]);
    expect(settings.training).toMatchObject({ epochs: 5, seed: 1234, sourceLength: 1024, targetLength: 512 });
    expect(settings.perTask).toMatchObject({ FOMC: { epochs: 3 }, MeetingBank: { epochs: 7 } });
    await expect(chooseRun(values({ order: 'trace' }))).rejects.toThrow(/needs TRACE/);
  });

  test('may be lists of tasks, in any spelling', async () => {
    const { settings } = await chooseRun(values({ order: 'AGnews,sst2,gloss-1of2' }));
    expect(settings.order).toEqual(['agnews', 'SST-2', 'gloss-1of2']);
    await expect(chooseRun(values({ order: 'gloss,gloss' }))).rejects.toThrow(/names gloss twice/);
    await expect(chooseRun(values({ order: 'gloss,unknown' }))).rejects.toThrow(/no task unknown/);
  });
});

describe('an option without effect is refused', () => {
  const refused = (given: Partial<SettingsValues>): Promise<unknown> =>
    chooseRun(values(given)).then(
      () => null,
      (thrown: Error) => thrown.message,
    );

  test('a preset, where the order has settings of its own', async () => {
    await mkdir(join(folder, 'SuperNI'));
    const published = { order: 'superni-2', tasks: folder };
    expect(await refused({ ...published, preset: 'quick' })).toMatch(
      /--preset has no effect here: the order superni-2/,
    );
    expect(await refused(published)).toBeNull();
  });

  test('a folder of tasks, when the order names none of them', async () => {
    expect(await refused({ tasks: folder })).toMatch(/--tasks has no effect here: name tasks of its benchmark/);
    expect(await refused({ tasks: folder, order: 'gloss,sst2' })).toBeNull();
    expect(await refused({ tasks: folder, watch: ['sst2'] })).toBeNull();
  });

  test('rows of a data set, for a file', async () => {
    const path = await qa('mine.jsonl');
    expect(await refused({ task: [`${path},rows=5`] })).toMatch(/rows goes with a data set of the hub/);
  });
});

describe('a resumed run', () => {
  test('takes the files of its tasks again, without its other options', async () => {
    const path = await qa('mine.jsonl');
    const { settings } = await chooseRun(values({ task: [path], watch: ['kinds'] }));
    const resumed = await withFiles(settings, values({ task: [path] }));
    expect(resumed.settings).toEqual(settings);
    expect(resumed.customTasks.map(({ name }) => name)).toEqual(['mine']);
    const without = await withFiles(settings, values({ watch: ['none'] }));
    expect([without.settings.watch, without.settings.training.generalText]).toEqual([undefined, 'none']);
    expect((await withFiles(settings, values({ watch: ['none', 'kinds'] }))).settings.watch).toEqual(['kinds']);
    await expect(withFiles(settings, values({ watch: ['emoji'] }))).rejects.toThrow(/no task emoji/);
    await expect(withFiles(settings, values({ task: [`${path},name=other`] }))).rejects.toThrow(/no task other/);
  });
});

describe('the form of prompts', () => {
  const started = async (given: Partial<SettingsValues>): Promise<string> => {
    const { settings } = await inStartingForm(await chooseRun(values(given)), values(given));
    return promptsText(settings) ?? settings.training.promptForm;
  };
  const modelOf = async (name: string): Promise<string> => {
    const found = TINY_FAMILIES.find(({ family }) => family === name) ?? expect.fail(name);
    await mkdir(join(folder, name));
    const files = Object.entries(await repositoryOf(found.open()));
    await Promise.all(files.map(([path, content]) => writeFile(join(folder, name, path), content)));
    return join(folder, name);
  };

  test('is that of the model’s chat template, if it has one and nothing names another', async () => {
    const model = await modelOf('qwen3-tiny');
    const set = ['training.promptForm=raw'];
    expect(await started({ model, order: 'gloss' })).toMatch(/^Prompts: by the model’s chat template/);
    expect(await started({ model, order: 'gloss', set })).toMatch(/^Prompts: raw/);
    expect(await started({ model: await modelOf('byt5-tiny'), order: 'gloss' })).toMatch(/^Prompts: raw/);
    expect(await started({})).toBe('raw');
    const { settings } = await chooseRun(values({ model, order: 'gloss' }));
    const order = await file('order.json', JSON.stringify(orderFileOf(settings, [])));
    expect(await started({ model, order })).toMatch(/^Prompts: raw/);
  });
});
