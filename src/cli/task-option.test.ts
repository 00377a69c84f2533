import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { taskOfOption } from './task-option.ts';

let folder: string;
let labelled: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'task-option-'));
  labelled = join(folder, 'labelled.csv');
  const rows = Array.from({ length: 12 }, (_, i) => `a text ${i},${i % 2 === 0 ? 'pos' : 'neg'}`);
  await writeFile(labelled, ['text,label', ...rows].join('\n'));
});
afterAll(() => rm(folder, { recursive: true }));

test('header is yes or no', async () => {
  const labels = async (header: string): Promise<readonly string[]> =>
    (await taskOfOption(`${labelled},form=labels${header}`, [])).task.labels;
  expect(await labels('')).toEqual(['neg', 'pos']);
  expect(await labels(',header=yes')).toEqual(['neg', 'pos']);
  expect(await labels(',text=column 1,answer=column 2,header=no')).toEqual(['label', 'neg', 'pos']);
  for (const other of ['false', 'No', '0', '']) {
    await expect(labels(`,header=${other}`)).rejects.toThrow(`header takes one of yes, no; not ${other}.`);
  }
});

test('an option that does not fit the form is refused', async () => {
  const task = (options: string): Promise<unknown> => taskOfOption(`${labelled},${options}`, []);
  for (const [options, refusal] of [
    ['form=free,merge=pos:nosuch', 'merge goes with form=labels, but the form is free'],
    ['form=free,drop=nosuch', 'drop goes with form=labels, but the form is free'],
    ['form=free,chat=last', 'chat goes with form=chat, but the form is free'],
    ['frame=bare', 'frame goes with form=free, but the form is labels'],
    ['form=text,answer=label', 'answer goes with form=labels or free, but the form is text'],
    ['form=chat,input=label', 'input goes with form=labels or free, but the form is chat'],
  ]) {
    await expect(task(options), options).rejects.toThrow(refusal);
  }
  await task('form=free,frame=bare');
});
