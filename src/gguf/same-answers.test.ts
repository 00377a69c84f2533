import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openNamedModel } from '../cli/named-models.ts';
import type { Device } from '../device/device.ts';
import { answerPrompts } from '../run/evaluation/answering.ts';
import type { SavedRound } from '../run/files/saved-round.ts';
import { promptOfPrediction, readPredictions } from '../run/files/predictions.ts';
import { acquireTestDevice } from '../testing/devices.ts';
import { bytesOfFile, memoryFile } from '../testing/output-files.ts';
import { openRound, runKeepingRounds } from '../testing/saved-run.ts';
import { TESTS_ALL } from '../testing/tier.ts';
import { tinySettings } from '../testing/tiny-run.ts';
import { openGguf } from '../weights/gguf/model.ts';
import { LocalFolder, type ModelFiles } from '../weights/model-folder.ts';
import { roundAsGguf } from './round.ts';
import { sameAnswers } from './same-answers.ts';

let device: Device;
beforeAll(async () => {
  device = await acquireTestDevice();
});
afterAll(async () => {
  expect(device.buffers.liveLabels).toEqual([]);
  await device.destroy();
});

/** The GGUF file of a round, written whole and opened again. */
async function written(base: ModelFiles, saved: SavedRound): Promise<ModelFiles> {
  const bytes = await bytesOfFile((await roundAsGguf(base, saved, 'q4_0'))[0]);
  const file = memoryFile('model.gguf', bytes);
  const folder = new LocalFolder('folder', (name) => Promise.resolve(name === file.name ? file : null));
  return openGguf(folder, file.name);
}

describe('test answers that stay the same in a GGUF file', () => {
  test.each(TESTS_ALL ? ['embedded', 'embedded-llama'] : ['embedded-llama'])('%s', async (model) => {
    const base = await openNamedModel(model);
    const settings = { ...tinySettings('gorp', { epochs: 3, sourceLength: 64 }), model };
    const { rounds } = await runKeepingRounds(settings, { openModel: () => Promise.resolve(base) });
    const files = [...rounds.values()][1];
    const saved = await openRound(files);
    const tested = readPredictions(new TextDecoder().decode(files.get('predict_eval_predictions.jsonl')));
    const told: string[] = [];
    expect(await sameAnswers(device, base, saved, 'f32', (...of) => told.push(of.join('/')))).toEqual({
      same: tested.length,
      of: tested.length,
    });
    expect(told.at(-1)).toBe(`${2 * tested.length}/${2 * tested.length}`);
    const answers: string[] = [];
    const { frozenWeights, evaluationBatchSize, targetLength: maxNewTokens } = settings.training;
    const answering = { promptForm: 'raw', frozenWeights, evaluationBatchSize, maxNewTokens } as const;
    const file = await written(base, saved);
    const prompts = tested.map(promptOfPrediction);
    for await (const { text } of answerPrompts(device, file, prompts, answering)) answers.push(text);
    const same = answers.filter((answer, i) => answer === tested[i].written).length;
    expect(await sameAnswers(device, base, saved, 'q4_0')).toEqual({ same, of: tested.length });
  });

  test('without tests they cannot be counted', async () => {
    const settings = tinySettings('seq-lora', { epochs: 1 });
    const { rounds } = await runKeepingRounds(settings, {});
    const saved = await openRound([...rounds.values()][0]);
    const bare = { ...saved, state: { ...saved.state, lessons: [] } };
    const base = await openNamedModel('embedded');
    await expect(sameAnswers(device, base, bare, 'q8_0')).rejects.toMatchObject({ code: 'run/no-tests' });
  });
});
