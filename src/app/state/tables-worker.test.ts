import { describe, expect, it } from 'vitest';
import { embeddedSettings } from '../../run/planning/presets.ts';
import { orderFileOf } from '../../run/settings/order-file.ts';
import { TaskSchema } from '../../tasks/custom-task.ts';
import * as v from 'valibot';
import { tablesHere } from '../testing/stores.ts';
import { guessedSpec } from '../form/ImportDialog.tsx';

const named = (name: string, text: string) => ({ name, file: new Blob([text]) });
const LABELS = { form: 'labels', inputColumn: null } as const;
const REVIEWS = ['when,review,stars', ...Array.from({ length: 30 }, (_, i) => `day ${i},fine ${i},${1 + (i % 2)}`)];
const reviews = named('my reviews!.csv', REVIEWS.join('\n'));

describe('the worker that reads files', () => {
  it('shows ten rows, and counts for the guessed columns', async () => {
    const { preview, ...file } = await tablesHere().call('open', reviews);
    expect(file).toMatchObject({ name: 'my reviews!.csv', namesColumns: false });
    expect(preview).toMatchObject({
      columns: ['when', 'review', 'stars'],
      textColumn: 'review',
      labelColumn: 'stars',
      found: {
        examples: 30,
        labels: [
          { label: '1', rows: 15 },
          { label: '2', rows: 15 },
        ],
      },
      problem: null,
      warnings: ['A column is not learned: when.'],
    });
    expect(preview.rows).toHaveLength(10);
    expect(preview.rows[0]).toEqual(['day 0', 'fine 0', '1']);
    expect(guessedSpec({ ...file, preview }, ['my reviews'])).toMatchObject({
      name: 'my reviews 2',
      labelColumn: 'stars',
    });
  });

  it('guesses columns by content where names do not help, and cuts long cells', async () => {
    const rows = Array.from({ length: 12 }, (_, i) => ({
      a: `${i}`,
      b: 'x'.repeat(5000) + i,
      c: i % 3 ? 'in' : 'out',
    }));
    const { preview, namesColumns } = await tablesHere().call('open', named('r.json', JSON.stringify(rows)));
    expect([namesColumns, preview.textColumn, preview.labelColumn]).toEqual([true, 'b', 'c']);
    expect(preview.rows[0][1].length).toBeLessThan(1000);
  });

  it('previews other columns, also without a header row, and says when they do not make a task', async () => {
    const tables = tablesHere();
    await tables.call('open', reviews);
    const wrong = await tables.call('preview', {
      header: true,
      columns: { ...LABELS, textColumn: 'stars', labelColumn: 'when' },
    });
    expect(wrong).toMatchObject({
      textColumn: 'stars',
      found: { examples: 30 },
      warnings: [expect.stringMatching(/different labels/), 'A column is not learned: review.'],
    });
    const unnamed = await tables.call('preview', { header: false, columns: null });
    expect(unnamed.columns).toEqual(['column 1', 'column 2', 'column 3']);
    const many = await tables.call('preview', {
      header: true,
      columns: { ...LABELS, textColumn: 'review', labelColumn: 'nothing' },
    });
    expect(many).toMatchObject({ found: null, problem: { code: 'tasks/unknown-column' } });
  });

  it('makes a task with its texts in a Blob, and the same task from an order file and the data', async () => {
    const tables = tablesHere();
    const spec = guessedSpec(await tables.call('open', reviews), []);
    const [task] = await tables.call('make', spec);
    expect(task).toMatchObject({ spec, labels: ['1', '2'], trainExamples: 24, testExamples: 6 });
    const { train, test } = v.parse(TaskSchema, JSON.parse(await task.data.text()));
    expect([train.length, test.length]).toEqual([24, 6]);
    const order = orderFileOf({ ...embeddedSettings('quick', 'gorp'), order: [spec.name] }, [spec]);
    const hub = { endpoint: 'https://hub.invalid', token: null };
    const renamed = { ...reviews, name: 'other.csv' };
    const [again] = await tables.call('makeOrder', {
      order,
      stored: [],
      files: [named('x.csv', 'a,b\n1,2'), renamed],
      access: hub,
    });
    expect(await again.data.text()).toBe(await task.data.text());
    expect(await tables.call('makeOrder', { order, stored: [spec], files: [], access: hub })).toEqual([]);
    await expect(tables.call('makeOrder', { order, stored: [], files: [], access: hub })).rejects.toMatchObject({
      code: 'tasks/data-missing',
    });
  });

  it('opens a folder of texts, and nothing else in it, as a row for each', async () => {
    const tables = tablesHere();
    const files = [named('b.md', 'second text'), named('sub/a.txt', 'third'), named('a.txt', 'first text')];
    const opened = await tables.call('openFolder', { name: 'notes', files });
    expect(opened).toMatchObject({ name: 'notes', preview: { form: 'text', found: { examples: 3 } } });
    const [task] = await tables.call('make', guessedSpec(opened, []));
    expect(task).toMatchObject({ spec: { name: 'notes', form: 'text' }, labels: [] });
    const none = tables.call('openFolder', { name: 'empty', files: [named('a.txt', ' ')] });
    await expect(none).rejects.toMatchObject({ code: 'tasks/empty' });
  });

  it('reports why a file is refused, and leaves the previous one open', async () => {
    const tables = tablesHere();
    const spec = guessedSpec(await tables.call('open', reviews), []);
    for (const [name, text, code] of [
      ['one.csv', 'text\na\nb', 'tasks/one-column'],
      ['no.csv', '', 'tasks/empty'],
      ['x.pdf', 'x', 'tasks/unknown-format'],
      ['x.json', '{', 'tasks/malformed-json'],
    ]) {
      await expect(tables.call('open', named(name, text))).rejects.toMatchObject({
        code,
        nextStep: expect.any(String) as string,
      });
    }
    expect(await tables.call('make', spec)).toHaveLength(1);
    await expect(tablesHere().call('make', spec)).rejects.toMatchObject({ code: 'tasks/no-file' });
  });
});
