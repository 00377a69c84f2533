import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, type MockInstance, test, vi } from 'vitest';
import { orderFileOf } from '../run/settings/order-file.ts';
import { promptOfPrediction, readPredictions } from '../run/files/predictions.ts';
import { type LocalHub, startLocalHub } from '../testing/local-hub.ts';
import { repositoryOf } from '../testing/model-repository.ts';
import { TESTED_FAMILIES, type TinyFamily } from '../testing/tiny-families.ts';
import { readTinyTask, tinySettings } from '../testing/tiny-run.ts';
import { evaluate } from './eval.ts';
import { generate } from './generate.ts';
import { merge } from './export.ts';
import { train } from './train.ts';

/** Datasets of the benchmark, and the tiny tasks that stand in for them. */
const DATASETS = { 'SST-2': 'gloss', yelp: 'field' };

let hub: LocalHub;
let root: string;
let stdout: MockInstance<typeof process.stdout.write>;

beforeAll(async () => {
  hub = await startLocalHub();
  root = mkdtempSync(join(tmpdir(), 'gorp-families-'));
  vi.spyOn(console, 'log').mockImplementation(() => undefined);
  vi.spyOn(process.stderr, 'write').mockImplementation(() => true);
  stdout = vi.spyOn(process.stdout, 'write').mockImplementation(() => true);
  for (const [name, tiny] of Object.entries(DATASETS)) {
    const folder = join(root, 'CL_Benchmark', 'SC', name);
    mkdirSync(folder, { recursive: true });
    for (const file of ['labels.json', 'train.json', 'dev.json', 'test.json']) {
      writeFileSync(join(folder, file), await readTinyTask(`x/${tiny}/${file}`));
    }
  }
  mkdirSync(join(root, 'configs'));
  const instructions = { SC: [{ instruction_type: 'zero-shot', instruction: 'warm or cold\n' }] };
  writeFileSync(join(root, 'configs', 'instruction_config.json'), JSON.stringify(instructions));
});
// Before every test, since stubs end with each.
beforeEach(() => {
  vi.stubGlobal('__APP_VERSION__', 'test');
  vi.stubGlobal('__APP_COMMIT__', 'test');
  vi.stubEnv('HF_ENDPOINT', hub.endpoint);
  vi.stubEnv('GORP_WEB_CACHE', join(root, 'cache'));
});
afterAll(async () => {
  vi.restoreAllMocks();
  await hub.close();
  rmSync(root, { recursive: true });
});

/** An order of both datasets, or of the first alone, as a file. */
function orderFile(name: string, { lengths }: TinyFamily, method: 'gorp' | 'gorp-plus', order: string[]): string {
  const settings = { ...tinySettings(method, { ...lengths, epochs: 1 }), tasks: root, order };
  const path = join(root, `${name}.json`);
  writeFileSync(path, JSON.stringify(orderFileOf(settings, [])));
  return path;
}

/** Runs `generate`, and returns the answers that it writes to stdout as JSON. */
async function answersTo(args: string[]): Promise<unknown[]> {
  stdout.mockClear();
  expect(await generate([...args, '--json'])).toBe(0);
  return stdout.mock.calls.map(([line]) => (JSON.parse(String(line)) as { text: unknown }).text);
}

const read = (...path: string[]): Record<string, unknown> =>
  JSON.parse(readFileSync(join(...path), 'utf8')) as Record<string, unknown>;

/** With and without an encoder: answering and resuming are the same code as in a run, for every family. */
const ASKED = ['t5-tiny', 'gemma3-tiny'];

describe.each(TESTED_FAMILIES)('$family from the hub', (family) => {
  const model = `tiny/${family.family}`;
  beforeAll(async () => void hub.push(model, await repositoryOf(family.open())));

  // Projected gradients without soft spaces: on one family, which stands for all.
  test.each(family === TESTED_FAMILIES[0] ? (['gorp-plus', 'gorp'] as const) : (['gorp-plus'] as const))(
    'trains with %s, tests and merges a round',
    async (method) => {
      const name = `${family.family}-${method}`;
      const one = orderFile(`${name}-0`, family, method, ['SST-2']);
      const common = ['--tasks', root, '--device', 'cpu'];
      const out = (part: string): string => join(root, `${name}-${part}`);
      const rounds = join(out('train'), 'logs_and_outputs');
      expect(await train(['--model', model, '--order', one, ...common, '--out', out('train')])).toBe(0);
      const [order] = readdirSync(rounds);
      const round = join(rounds, order, 'outputs', '1-SST-2');

      // The adapter names its base model and its modules as the family does.
      const config = read(round, 'adapter', 'adapter_config.json');
      expect(config).toMatchObject({
        base_model_name_or_path: model,
        task_type: family.isDecoderOnly ? 'CAUSAL_LM' : 'SEQ_2_SEQ_LM',
      });

      expect(await evaluate(['--round', round, '--device', 'cpu', '--out', out('eval')])).toBe(0);
      expect(await merge(['--round', round, '--out', out('merged')])).toBe(0);
      expect(await evaluate(['--model', out('merged'), '--order', one, ...common, '--out', out('merged-eval')])).toBe(
        0,
      );
      const predictions = (part: string): string =>
        readFileSync(join(out(part), 'predict_eval_predictions.jsonl'), 'utf8');
      expect(predictions('merged-eval')).toBe(predictions('eval'));

      // Another order has its own tasks, but is read as the round learned.
      expect(await evaluate(['--round', round, '--order', 'SST-2', ...common, '--out', out('other')])).toBe(0);
      expect(predictions('other')).toBe(predictions('eval'));

      // The round and the merged model answer the prompts of the test, one by one.
      if (ASKED.includes(family.family)) {
        const tested = readPredictions(predictions('eval'));
        const prompts = tested.flatMap((answer) => ['--prompt', promptOfPrediction(answer)]);
        const length = ['--max-new-tokens', String(family.lengths.targetLength)];
        for (const from of [
          ['--round', round],
          ['--model', out('merged'), '--prompt-form', 'raw', ...length],
        ]) {
          const answers = await answersTo([...from, ...prompts, '--device', 'cpu']);
          expect(answers).toEqual(tested.map(({ written }) => written));
        }
        // Saved states do not depend on the family.
        expect(await train(['--from', out('train'), '--order', 'yelp', ...common, '--out', out('resumed')])).toBe(0);
        expect(read(out('resumed'), 'results.json')).toMatchObject({ status: 'finished' });
      }
    },
  );
});
