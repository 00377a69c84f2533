import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { GorpError } from '../../src/base/errors.ts';
import { nodeTokenizerGuard } from '../../src/cli/tokenizer-guard.ts';
import { countingDevice } from '../../src/device/counting-device.ts';
import { networkOf, openNetwork, readTexts } from '../../src/run/models/open-network.ts';
import { embeddedSettings } from '../../src/run/planning/presets.ts';
import { makeOrderTasks, parseOrderFile } from '../../src/run/settings/order-file.ts';
import { readLabels } from '../../src/tasks/custom-task.ts';
import { readTableFile, tableOf } from '../../src/tasks/table.ts';
import { tinyLlamaGguf } from '../../src/testing/gguf-of.ts';
import { openGguf } from '../../src/weights/gguf/model.ts';
import { PickedFolder } from '../../src/weights/picked-folder.ts';
import { readSafetensors } from '../../src/weights/safetensors.ts';
import { encode, type Kind, mutateBytes, mutateJson } from './mutate.ts';
import { dataKinds, runKinds } from './run-kinds.ts';
import { oneOf, type Outcome, type Storm, type StormOptions } from './storm.ts';

const EMBEDDED = join(import.meta.dirname, '../../public/embedded');
/** Maximum milliseconds for a file of a few kilobytes. */
const LONG = 5000;
const LENGTHS = { sourceLength: 64, targetLength: 8 };
const LIMITS = { buffer: 2 ** 31, total: 2 ** 33 };

/** Reads files that were damaged or crafted at random, as a run would. */
export const mutations: Storm = {
  whole: 10_000,
  what: 'safetensors, GGUF, config, tokenizer, CSV, JSONL, Parquet, chat, exports of chats, SuperNI, SQuAD, text, order and results files, parts of studies, chat templates, zips and round folders are changed at random',
  run: async ({ count, random, note }: StormOptions): Promise<Outcome> => {
    const all = [...(await kinds()), ...dataKinds(), ...(await runKinds())];
    const problems: string[] = [];
    const codes = new Set<string>();
    let [read, refused, longest] = [0, 0, 0];
    for (let i = 0; i < count; i++) {
      const kind = all[i % all.length];
      const bytes = mutated(random, kind);
      const begun = performance.now();
      try {
        await kind.use(bytes);
        read++;
      } catch (thrown) {
        refused++;
        const fault = faultOf(thrown);
        if (fault !== null) problems.push(`${kind.name} ${i}: ${fault}`);
        else codes.add((thrown as GorpError).code);
      }
      const took = performance.now() - begun;
      longest = Math.max(longest, took);
      if (took > LONG) problems.push(`${kind.name} ${i} took ${(took / 1000).toFixed(1)} s`);
      if ((i + 1) % 1000 === 0) note(`${i + 1} files`);
    }
    const figures = `${read} were read, ${refused} refused with a next step and one of ${codes.size} codes; longest ${(longest / 1000).toFixed(2)} s`;
    return { figures, problems };
  },
};

const mutated = (random: () => number, { sound, isJson }: Kind): Uint8Array<ArrayBuffer> => {
  const bytes = oneOf(random, sound);
  if (!isJson || random() < 0.3) return mutateBytes(random, bytes);
  return encode(JSON.stringify(mutateJson(random, JSON.parse(new TextDecoder().decode(bytes)))) ?? '');
};

/** The whole error, or null if it has a next step. */
function faultOf(thrown: unknown): string | null {
  if (!(thrown instanceof GorpError))
    return thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
  const { code, message, nextStep } = thrown;
  return message.length < 10 || nextStep.length < 10 || code.startsWith('internal/') ? `${code}: ${message}` : null;
}

/** Opens a GGUF file as a run does: its header, tokenizer and network. */
async function openGgufBytes(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
  const folder = new PickedFolder('mutated', [{ path: 'mutated.gguf', blob: new Blob([bytes]) }]);
  const model = await openGguf(folder, 'mutated.gguf');
  const known = await readTexts(model, { promptForm: 'raw' }, nodeTokenizerGuard('a mutated model'));
  known.tokenizer.encodePrompt('a text, 12 long');
  const device = countingDevice({ kind: 'webgpu', limits: LIMITS });
  openNetwork(device, model, LENGTHS, known).network.destroy();
  await model.readTensor('model.norm.weight');
}

/** The parsed JSON, or null if it is invalid, which the model's folder then reports by name. */
const jsonOf = (bytes: Uint8Array): unknown => {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return null;
  }
};

async function kinds(): Promise<Kind[]> {
  const embedded = async (path: string): Promise<Uint8Array> => new Uint8Array(await readFile(join(EMBEDDED, path)));
  const [t5, llama] = await Promise.all(['model', 'llama'].map((model) => embedded(`${model}/config.json`)));
  const tokenizers = await Promise.all(['model', 'llama'].map((model) => embedded(`${model}/tokenizer.json`)));
  const config: unknown = jsonOf(t5);
  const head = encode(
    JSON.stringify({
      __metadata__: { format: 'pt' },
      a: { dtype: 'F32', shape: [2, 3], data_offsets: [0, 24] },
      b: { dtype: 'BF16', shape: [4], data_offsets: [24, 32] },
    }),
  );
  const weights = new Uint8Array(8 + head.length + 32);
  weights[0] = head.length;
  weights.set(head, 8);
  const rows = Array.from({ length: 12 }, (_, i) => ({
    text: `a text, "${i}" long`,
    label: i % 2 === 0 ? 'warm' : 'cold',
  }));
  const csv = `text,label\n${rows.map(({ text, label }) => `"${text.replaceAll('"', '""')}",${label}`).join('\n')}\n`;
  const jsonl = rows.map((row) => JSON.stringify(row)).join('\n');
  const { sha256 } = await readTableFile('mine.csv', encode(csv));
  const { order, ...settings } = embeddedSettings('quick', 'gorp-plus');
  const spec = {
    name: 'mine',
    kind: 'Mine',
    instruction: 'Is it warm?',
    file: 'mine.csv',
    sha256,
    header: true,
    textColumn: 'text',
    labelColumn: 'label',
    testShare: 0.3,
    seed: 1,
  };
  const orderFile = {
    schema: 'gorp-web/order',
    version: 1,
    tasks: 'embedded',
    order: [...order, 'mine'],
    method: settings.method,
    training: settings.training,
  };
  return [
    { name: 'safetensors', sound: [weights], isJson: false, use: (bytes) => readSafetensors(bytes) },
    { name: 'GGUF', sound: [tinyLlamaGguf()], isJson: false, use: openGgufBytes },
    {
      name: 'config.json',
      sound: [t5, llama],
      isJson: true,
      use: (bytes) => networkOf(countingDevice({ kind: 'webgpu', limits: LIMITS }), jsonOf(bytes), LENGTHS),
    },
    {
      name: 'tokenizer.json',
      sound: tokenizers,
      isJson: true,
      use: async (bytes) => {
        const texts = { config, tokenizer: jsonOf(bytes), tokenizerConfig: {}, generationConfig: null };
        const guard = nodeTokenizerGuard('a mutated model');
        const chatTemplate = (): Promise<null> => Promise.resolve(null);
        const { tokenizer } = await readTexts({ ...texts, chatTemplate }, { promptForm: 'raw' }, guard);
        tokenizer.decode(tokenizer.encodePrompt('A text with some words, 12 numbers and Ümläute. '.repeat(8)));
      },
    },
    { name: 'mine.csv', sound: [encode(csv)], isJson: false, use: useTable('mine.csv') },
    { name: 'mine.jsonl', sound: [encode(jsonl)], isJson: false, use: useTable('mine.jsonl') },
    {
      name: 'order file',
      sound: [encode(JSON.stringify({ ...orderFile, own: [spec] }))],
      isJson: true,
      use: async (bytes) => {
        const file = parseOrderFile(new TextDecoder().decode(bytes), 'order.json');
        const noHub = (): Promise<never> => Promise.reject(new GorpError('tasks/data-missing', 'No hub.', 'None.'));
        await makeOrderTasks(file, [], [{ name: 'mine.csv', bytes: encode(csv) }], noHub);
      },
    },
  ];
}

const useTable =
  (name: string) =>
  async (bytes: Uint8Array<ArrayBuffer>): Promise<void> => {
    const table = tableOf(await readTableFile(name, bytes), true);
    readLabels(table, { textColumn: 'text', inputColumn: null, labelColumn: 'label' });
  };
