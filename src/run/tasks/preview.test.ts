import { expect, test } from 'vitest';
import { tinyModel } from '../../testing/tiny-model.ts';
import { readTinyTask, tinyHost, tinySettings } from '../../testing/tiny-run.ts';
import type { RunEvent } from '../events/events.ts';
import { firstReading } from './task-data.ts';
import { Run } from '../run.ts';

test('shows the example that the run reads first, and says where it is cut', async () => {
  const settings = tinySettings('seq-lora', { trainExamples: 3, seed: 5, epochs: 1 });
  const events: RunEvent[] = [];
  const host = tinyHost((event) => events.push(event));
  await new Run(host, settings).execute();
  const reading = events.find((event) => event.type === 'reading');
  const shown = await firstReading(host, settings, tinyModel());
  expect(shown).toEqual({ task: reading?.task, tokens: reading?.tokens, cut: false });
  expect(shown?.tokens.some(({ isLabel }) => isLabel)).toBe(true);

  const long = { ...host, taskReader: () => longTask };
  expect(await firstReading(long, settings, tinyModel())).toMatchObject({ cut: true });
});

/** The tiny task, each sentence longer than a prompt may be. */
async function longTask(path: string): Promise<string> {
  const text = await readTinyTask(path);
  return path.endsWith('train.json') ? text.replace(/"sentence":"/g, `"sentence":"${'red '.repeat(30)}`) : text;
}
