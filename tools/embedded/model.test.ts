/** The embedded models as they are committed: the files fit each other, the embedded tasks and the model card. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { checkShapes } from '../../src/models/parameters.ts';
import { familyOf } from '../../src/models/families.ts';
import { embeddedSettings } from '../../src/run/planning/presets.ts';
import { encodeExamples } from '../../src/tasks/fit.ts';
import { checkVocabulary, loadTokenizer, type Tokenizer } from '../../src/text/tokenizer.ts';
import { EMBEDDED_MODELS } from '../../src/weights/embedded-models.ts';
import { type ModelTensors, openTensors } from '../../src/weights/model-files.ts';
import { readEmbeddedTasks, root } from './sources.ts';

const WEIGHTS = 'model.safetensors';
/** All files together: what a first visit downloads before it can train. */
const MAX_BYTES = 8e6;
/** Together with the end-of-text token they fit into the four tokens of an answer, so generating them is quick. */
const MAX_LABEL_PIECES = 3;

let embedded: ReturnType<typeof readEmbeddedTasks> | undefined;
/** The embedded tasks, made once. */
const embeddedTasks = (): ReturnType<typeof readEmbeddedTasks> => (embedded ??= readEmbeddedTasks());

describe.each(EMBEDDED_MODELS)('the $name', ({ folder: name }) => {
  const folder = join(root, 'public', 'embedded', name);
  const readJson = (file: string): unknown => JSON.parse(readFileSync(join(folder, file), 'utf8'));
  const weights = new Uint8Array(readFileSync(join(folder, WEIGHTS)));
  const { promptMark, read } = familyOf(readJson('config.json'));
  const { config, shapes } = read(readJson('config.json'));
  let tokenizer: Tokenizer;
  let model: ModelTensors;
  beforeAll(async () => {
    tokenizer = loadTokenizer(readJson('tokenizer.json'), readJson('tokenizer_config.json'), promptMark);
    model = await openTensors([
      {
        name: WEIGHTS,
        bytes: weights.length,
        read: (begin, end) => Promise.resolve(weights.slice(begin, end)),
        discard: () => Promise.reject(new Error('the weights cannot be used')),
      },
    ]);
  });

  it('has a tokenizer whose pieces all have an embedding, and the special tokens that the config names', () => {
    checkVocabulary(tokenizer, config.vocabSize);
    const { padId, eosId } = tokenizer;
    expect({ padId, endIds: [eosId] }).toEqual({ padId: config.padId, endIds: config.endIds });
  });

  it('has weights with the shapes of its config, every value finite', async () => {
    checkShapes(shapes, model.tensors, () => false);
    for (const name of model.tensors.keys()) {
      const values = await model.readTensor(name);
      // float16 ends at 65,504: a weight beyond it would have been saved as infinity.
      expect(values.every(Number.isFinite), name).toBe(true);
      expect(
        values.some((value) => value !== 0),
        name,
      ).toBe(true);
    }
  });

  it('reads and writes the labels and prompts of the embedded tasks', async () => {
    const { sourceLength } = embeddedSettings('full', 'gorp').training;
    const { tasks } = embeddedTasks();
    expect(tasks).toHaveLength(5);
    for (const task of tasks) {
      for (const label of task.labels) {
        const ids = tokenizer.encode(label);
        expect(ids.length, label).toBeLessThanOrEqual(MAX_LABEL_PIECES);
        expect(tokenizer.decode(ids), label).toBe(label);
      }
      const { test } = task;
      const { cut } = await encodeExamples(tokenizer, { ...task, dev: [] }, test, sourceLength);
      expect(cut / test.length, `${task.name}: share of texts that are cut`).toBeLessThan(0.1);
    }
  });

  it('is small', () => {
    const bytes = readdirSync(folder).reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);
    expect(bytes).toBeLessThan(MAX_BYTES);
  });

  it('is the one that its card describes', () => {
    const hash = createHash('sha256').update(weights).digest('hex');
    const card = readFileSync(join(folder, 'README.md'), 'utf8');
    // How to bring the card up to date: tools/pretrain/README.md.
    expect(/^sha256: ([0-9a-f]{64})$/m.exec(card)?.[1]).toBe(hash);
    const parameters = [...model.tensors.values()].reduce(
      (sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1),
      0,
    );
    expect(card).toContain(`${parameters.toLocaleString('en')} parameters`);
  });
});
