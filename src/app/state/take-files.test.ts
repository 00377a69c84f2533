import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { createElement } from 'react';
import { expect, test } from 'vitest';
import { unzipped } from '../../weights/exports/unzip.ts';
import { zipped } from '../../weights/exports/zip.ts';
import type { ErrorReport } from '../../base/errors.ts';
import { quickResults } from '../../testing/scripted-results.ts';
import { resultsText } from '../ui/download.ts';
import { projectRoot } from '../../../tools/setup/process.ts';
import type { StudyReport } from '../../run/results/study-report.ts';
import { Report } from '../tabs/compare/CompareTab.tsx';
import { markup, silentPage, textOf } from '../testing/markup.ts';
import type { GivenFile } from './tasks.ts';
import { sortFiles } from './dropped-files.ts';

const given = (path: string, content: BlobPart = ''): GivenFile => ({
  path,
  file: new File([content], path.slice(path.lastIndexOf('/') + 1)),
});
const kindOf = async (...files: GivenFile[]): Promise<string> => (await sortFiles(files)).kind;
const results = resultsText(quickResults('gorp', 1));

async function zipFile(name: string, files: Record<string, string>): Promise<GivenFile> {
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  const list = Object.entries(files).map(([path, text]) => ({
    path,
    // oxlint-disable-next-line typescript/require-await -- as from a disk
    content: async function* () {
      yield new TextEncoder().encode(text);
    },
  }));
  for await (const piece of zipped(list)) pieces.push(new Uint8Array(piece));
  const file = new File(pieces, name);
  expect(await unzipped(file)).toHaveLength(list.length);
  return { path: name, file };
}

test('files are sorted by their names and how they begin', async () => {
  expect(await kindOf(given('m/config.json'), given('m/tokenizer.json'), given('m/model.safetensors'))).toBe('model');
  expect(await kindOf(given('m/tokenizer.json'), given('m/config.json'))).toBe('model');
  expect(await kindOf(given('m/pytorch_model.bin'), given('m/config.json'))).toBe('model');
  expect(await kindOf(given('some.gguf'))).toBe('model');
  expect(await kindOf(given('run/1-gloss/round.json'), given('run/1-gloss/adapter_model.safetensors'))).toBe('rounds');
  expect(await kindOf(given('a.json', results), given('b.json', results))).toBe('results');
  expect(await kindOf(given('part.jsonl', `{"run":"a","results":${results}}\n`))).toBe('results');
  expect(await kindOf(given('o.json', '{ "schema": "gorp-web/order", "version": 1 }'))).toBe('tasks');
  expect(await kindOf(given('s.json', '{"schema":"gorp-web/set-up"}'))).toBe('set-up');
  expect(await kindOf(given('reviews.csv', 'text,label\n'))).toBe('tasks');
  expect(await kindOf(given('notes/one.txt', 'a'))).toBe('tasks');
  const packed = (text: string): Uint8Array<ArrayBuffer> => new Uint8Array(gzipSync(text));
  expect(await kindOf(given('part.jsonl.gz', packed(`{"run":"a","results":${results}}\n`)))).toBe('results');
  expect(await kindOf(given('chats.jsonl.gz', packed('{"prompt":"a","completion":"b"}\n')))).toBe('tasks');
  expect(await kindOf(given('unpacked.jsonl.gz', '{"prompt":"a","completion":"b"}\n'))).toBe('tasks');
});

test('the folder of a study is its runs with its report; its plan alone is refused with what to drop', async () => {
  const run = given('real/runs/main/gorp-order1-seed1.jsonl', `{"run":"a","results":${results}}\n`);
  const packed = given('real/runs/tuning.jsonl.gz');
  const plan = given('real/plan.json', '{"schema":"gorp-web/study-plan","version":1}');
  const report = given('real/report.json', '{\n "title": "Real",\n "parts": []\n}');
  const rest = [given('real/report.md'), given('real/tables.tex'), given('real/measurements.csv', 'part,method\n')];
  expect(await sortFiles([plan, report, ...rest, run, packed])).toEqual({
    kind: 'results',
    files: [run, packed, report],
  });
  for (const files of [[report], [plan, report, ...rest]])
    expect(await sortFiles(files)).toEqual({ kind: 'results', files: [report] });
  await expect(sortFiles([plan])).rejects.toMatchObject({ code: 'run/study-without-runs' });
  await expect(sortFiles([plan, report, given('b/report.json', '{"title":"B"}')])).rejects.toMatchObject({
    code: 'run/mixed-files',
  });
  // A file of examples may have any name.
  expect(await kindOf(given('report.json', '[{"text":"a","label":"b"}]'))).toBe('tasks');
});

test('the report of a study is shown as it is, or refused: if it is damaged, or of other runs than its folder', async () => {
  const page = silentPage();
  const state = () => page.store.getState();
  const [folder, run] = ['docs/studies/lasting', `{"run":"a","results":${JSON.stringify(JSON.parse(results))}}\n`];
  const text = readFileSync(join(projectRoot, folder, 'report.json'), 'utf8');
  await page.takeFiles([given('report.json', text)]);
  expect(state()).toMatchObject({ view: { tab: 'compare' }, compare: { problem: null, ticked: [] } });
  const report = state().compare.report as StudyReport;
  const shown = textOf(markup(page, createElement(Report, { of: report }))).replaceAll(/\s+/g, ' ');
  // Every table of its Markdown, cell by cell.
  const written = readFileSync(join(projectRoot, folder, 'report.md'), 'utf8').split('\n');
  const rows = written.filter((line) => line.startsWith('| ') && !line.includes('---'));
  expect(rows.length).toBeGreaterThan(12);
  for (const row of rows)
    expect(shown).toContain(row.split(' | ').join(' ').replaceAll('|', '').trim().replaceAll('<', '&lt;'));
  page.compare.closeReport();
  expect(state().compare.report).toBeNull();

  const changed = (change: (report: StudyReport) => object): string =>
    JSON.stringify(change(JSON.parse(text) as StudyReport));
  for (const [bad, why] of [
    [text.slice(0, -100), 'it is not JSON'],
    [changed((one) => ({ ...one, made: 7 })), 'another number of runs'],
    [changed((one) => ({ ...one, claim: { ...one.claim, part: 'x' } })), 'about x, which is none of its parts'],
    [changed((one) => ({ ...one, parts: [{ ...one.parts[0], contrasts: [{}] }] })), 'parts.0.contrasts.0.entry'],
  ]) {
    await page.takeFiles([given('report.json', bad)]);
    expect(state().compare).toMatchObject({ report: null, problem: { code: 'run/bad-study-report' } });
    expect(state().compare.problem?.message).toContain(why);
  }
  const study = [given('s/plan.json', '{"schema":"gorp-web/study-plan"}'), given('s/runs/a/b.jsonl', run)];
  await page.takeFiles([...study, given('s/report.json', text)]);
  expect(state().compare).toMatchObject({ report: null, problem: { code: 'run/report-of-other-runs' } });
  expect(state().compare.ticked, 'its runs are compared all the same').toHaveLength(1);
  const ofOne = changed(({ parts: [{ methods, ...part }], title, planned, untuned }) => ({
    title,
    planned,
    untuned,
    made: 1,
    parts: [{ ...part, methods: [{ ...methods[0], made: 1 }] }],
  }));
  await page.takeFiles([...study, given('s/report.json', ofOne)]);
  expect(state().compare).toMatchObject({ report: { made: 1 }, problem: null });
});

test('a zip is what its files are', async () => {
  expect(await kindOf(await zipFile('results.zip', { 'a.json': results, 'b.json': results }))).toBe('results');
  expect(await kindOf(await zipFile('one.zip', { 'deep/data.csv': 'text,label' }))).toBe('tasks');
  const model = await sortFiles([await zipFile('m.zip', { 'config.json': '{}', 'tokenizer.json': '{}' })]);
  expect(model).toMatchObject({ kind: 'model', name: 'm' });
  const shared = await zipFile('mails.zip', { 'round.json': '{}', 'state.safetensors': '' });
  expect(await sortFiles([shared])).toEqual({ kind: 'shared', file: shared.file });
  const packed = await zipFile('mails.zip', { 'mails/round.json': '{}', 'mails/state.safetensors': '' });
  expect(await sortFiles([packed])).toEqual({ kind: 'shared', file: packed.file });
  const rounds = await zipFile('run.zip', { 'order/1-gloss/round.json': '{}', 'order/1-gloss/config.json': '{}' });
  expect(await sortFiles([rounds])).toEqual({ kind: 'rounds', name: 'run.zip', files: [rounds] });
  await expect(sortFiles([await zipFile('z.zip', { 'a.zip': '' })])).rejects.toMatchObject({
    code: 'run/unknown-files',
  });
  await expect(sortFiles([given('bad.zip', 'no zip')])).rejects.toMatchObject({ code: 'run/bad-zip' });
});

test('of a data export of ChatGPT or Claude, the conversations are taken', async () => {
  const files = { 'x/chat.html': '<p>', 'x/user.json': '{}', 'x/conversations.json': '[]', 'x/dalle/image.webp': 'x' };
  for (const dropped of [
    [await zipFile('export.zip', files)],
    Object.entries(files).map(([path, text]) => given(path, text)),
  ]) {
    const sorted = await sortFiles(dropped);
    expect(sorted.kind).toBe('tasks');
    expect('files' in sorted && sorted.files.map(({ path }) => path)).toEqual(['conversations.json']);
  }
});

test('what cannot be taken is named', async () => {
  await expect(sortFiles([given('photo.png')])).rejects.toMatchObject({
    code: 'run/unknown-files',
    message: 'photo.png is nothing that this page reads.',
  });
  await expect(sortFiles([given('a.json', results), given('b.csv')])).rejects.toMatchObject({
    code: 'run/mixed-files',
  });
});

test('a model is chosen only if its files can be used; during a run nothing changes the settings', async () => {
  let problem: ErrorReport | null = { code: 'weights/not-found', message: 'm has no model.', nextStep: 'Add it.' };
  const opened: string[] = [];
  const page = silentPage({
    checkModel: () => Promise.resolve(problem),
    openRounds: ({ name }) => Promise.resolve(void opened.push(name)),
  });
  const state = () => page.store.getState();
  const model = [given('m/config.json'), given('m/tokenizer.json')];
  const before = state().draft;
  await page.takeFiles(model);
  expect(state()).toMatchObject({ draft: before, dropProblem: problem, checkingModel: null });
  problem = null;
  await page.takeFiles(model);
  expect(state()).toMatchObject({ draft: { model: 'picked:m' }, dropProblem: null });
  expect(
    state()
      .access.picked.get('m')
      ?.map(({ path }) => path),
  ).toEqual(['m/config.json', 'm/tokenizer.json']);

  await page.takeFiles([given('other.gguf')]);
  expect([...state().access.picked.keys()], 'runs of both can be queued').toEqual(['m', 'other.gguf']);
  page.edit((draft) => ({ ...draft, model: 'picked:third' })); // as a run of the history that is used again
  page.start();
  expect(state()).toMatchObject({ run: { status: 'idle' }, refused: { code: 'settings/files-again' } });

  page.edit((draft) => ({ ...draft, model: 'picked:m' }));
  page.store.setState(({ access }) => ({ access: { ...access, picked: new Map() } })); // as after a reload
  page.start();
  expect(state()).toMatchObject({ run: { status: 'idle' }, refused: { code: 'settings/files-again' } });
  await page.takeFiles(model);
  expect(state()).toMatchObject({ draft: { model: 'picked:m' }, refused: null });

  await page.takeFiles([given('photo.png')]);
  expect(state().dropProblem?.code).toBe('run/unknown-files');
  page.chooseModel('embedded');
  page.start();
  await page.takeFiles(model);
  expect(state()).toMatchObject({ draft: { model: 'embedded' }, dropProblem: { code: 'settings/locked' } });
  await page.takeFiles([given('run/1-gloss/round.json')]);
  expect(opened).toEqual(['run']);
  expect(state().view.tab).toBe('try');
});

test('while a task is being made from a file, others are refused, and the task can still be added', async () => {
  const page = silentPage();
  const state = () => page.store.getState();
  const rows = Array.from({ length: 20 }, (_, i) => `text ${i},${i % 2 ? 'good' : 'bad'}`);
  await page.takeFiles([given('reviews.csv', ['text,label', ...rows].join('\n'))]);
  const { openFile } = state();
  for (const other of [
    given('one.csv', 'text\na\n'),
    given('o.json', '{"schema":"gorp-web/order"}'),
    given('x.gguf'),
  ]) {
    await page.takeFiles([other]);
    expect(state()).toMatchObject({ openFile, dropProblem: null, taskProblem: { code: 'tasks/file-open' } });
    expect(await page.tasks.preview(true, null)).toMatchObject({ problem: null });
  }
  page.tasks.closeFile();
  expect(state().taskProblem, 'it was of the dialog').toBeNull();
});
