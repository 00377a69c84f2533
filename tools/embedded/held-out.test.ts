import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { EMBEDDED_TEXTS, loadEmbeddedText } from '../../src/tasks/embedded-tasks.ts';
import { loadTokenizer } from '../../src/text/tokenizer.ts';
import { heldOutFiles } from './held-out.ts';
import { readEmbeddedTasks, root } from './sources.ts';
import { normalised } from './split.ts';

let files: Map<string, string>;
let read: ReturnType<typeof readEmbeddedTasks>;
beforeAll(() => {
  read = readEmbeddedTasks();
  files = heldOutFiles(read.wordnet, read.tasks);
}, 180_000);

const load = (name: 'kinds' | 'definitions') =>
  loadEmbeddedText((path) => Promise.resolve(files.get(path) ?? ''), name);

describe('texts that are held out from pre-training', () => {
  it('are as many as estimates assume, each once', async () => {
    for (const name of ['kinds', 'definitions'] as const) {
      const { test } = await load(name);
      expect(test).toHaveLength(EMBEDDED_TEXTS[name].count);
      expect(new Set(test.map(({ sentence, label }) => sentence || label)).size).toBe(test.length);
    }
  });

  it('are in no training set', async () => {
    const trained = new Set(read.tasks.flatMap(({ train }) => train.map(({ core }) => normalised(core))));
    const { test } = await load('kinds');
    expect(test.filter(({ sentence }) => trained.has(normalised(sentence)))).toEqual([]);
  });

  it('have answers as short as labels, so that the answers of a run do not get longer', async () => {
    const { test } = await load('kinds');
    for (const model of ['model', 'llama']) {
      const text = (name: string): unknown =>
        JSON.parse(readFileSync(join(root, 'public', 'embedded', model, name), 'utf8'));
      const tokenizer = loadTokenizer(text('tokenizer.json'), text('tokenizer_config.json'));
      expect(Math.max(...test.map(({ label }) => tokenizer.encodeLabel(label).length + 1))).toBeLessThanOrEqual(4);
    }
  });
});
