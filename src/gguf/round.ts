import { GorpError } from '../base/errors.ts';
import { writtenForm } from './architecture.ts';
import { ggufFiles } from './gguf-files.ts';
import { reorderedRows } from '../weights/gguf/tensors.ts';
import { fileName } from './model-tensors.ts';
import { type Asking, readForms, recipes } from './modelfile.ts';
import {
  type GgufDtype,
  type Ingredients,
  adapterFileName,
  baseFile,
  learnedSlug,
  linesToAsk,
  mergedName,
} from './names.ts';
import { cardOf } from '../run/files/model-card.ts';
import type { SavedRound } from '../run/files/saved-round.ts';
import { answerLengthIn } from '../run/tasks/encoded-task.ts';
import { checkTrainedLayers, refuseByPrompt, type TrainedChanges } from '../weights/exports/merge.ts';
import type { OutputFile } from '../weights/exports/output-file.ts';
import { BLOCK_TYPES, quantise } from '../weights/gguf/blocks.ts';
import type { GgufValue } from '../weights/gguf/values.ts';
import { type GgufSource, ggufBytes } from '../weights/gguf/write.ts';
import type { ModelFiles } from '../weights/model-folder.ts';

/** The name of an adapter, and how its model is asked. */
interface GgufAdapterExport {
  /** File name without `.gguf`. */
  readonly name: string;
  /** File name of the base model, to which the Modelfile adds the adapter. */
  readonly base: string;
  readonly asking: Asking;
}

/**
 * The adapter of a round as a GGUF file for llama.cpp's `--lora`, and the files that ask its model: see {@link recipes}.
 *
 * @throws GorpError `run/no-gguf-adapter` if the round has no adapter, or changed weights beside it; as `ggufFiles`.
 */
export async function ggufAdapterFiles(
  model: ModelFiles,
  { name, base, asking }: GgufAdapterExport,
  { changed, changes }: TrainedChanges,
): Promise<OutputFile[]> {
  checkTrainedLayers(model, changed);
  const form = writtenForm(model.config);
  if (form.kind === 'encoder-decoder') throw noAdapter('no program takes adapters of encoder–decoder models');
  const known = await readForms(model, asking);
  const shapeOf = (layer: string): readonly number[] => form.shapes.get(`${layer}.weight`) ?? [];
  const layers = [...changed];
  let rank = 0; // the same in all layers
  for (const layer of layers) {
    const pair = await changes.adapter(layer);
    if (pair === undefined || (await changes.weights(layer)) !== undefined) throw notAlone(layer);
    rank = pair.A.length / shapeOf(layer)[1];
  }
  if (rank === 0) throw notAlone(null);
  const tensors = layers.flatMap((layer): GgufSource[] => {
    const [out, inputs] = shapeOf(layer);
    const heads = form.interleavedHeads(layer);
    const part = async (which: 'A' | 'B'): Promise<Uint8Array<ArrayBuffer>> => {
      const pair = await changes.adapter(layer);
      const bytes = quantise(layer, pair?.[which] ?? new Float32Array(), 'F32');
      return which === 'B' && heads > 0 ? reorderedRows(bytes, out, heads, 'interleaved') : bytes;
    };
    const stem = fileName(form, `${layer}.weight`);
    return [
      { name: `${stem}.lora_a`, type: BLOCK_TYPES.F32, shape: [rank, inputs], read: () => part('A') },
      { name: `${stem}.lora_b`, type: BLOCK_TYPES.F32, shape: [out, rank], read: () => part('B') },
    ];
  });
  const metadata = new Map<string, GgufValue>([
    ['general.architecture', { type: 'string', value: form.architecture }],
    ['general.type', { type: 'string', value: 'adapter' }],
    ['general.name', { type: 'string', value: name }],
    ['adapter.type', { type: 'string', value: 'lora' }],
    // llama.cpp multiplies B A by alpha / rank.
    ['adapter.lora.alpha', { type: 'float32', value: changes.scaling * rank }],
  ]);
  const file = `${name}.gguf`;
  const written: OutputFile = { path: file, content: () => ggufBytes(metadata, tensors) };
  return [written, ...recipes(known, asking, { model: base, adapter: file })];
}

/** @param layer whose weights were trained; null if no layer has an adapter. */
const notAlone = (layer: string | null): GorpError =>
  noAdapter(layer === null ? 'no layer has one' : `the weights of ${layer} were trained themselves`);

const noAdapter = (why: string): GorpError =>
  new GorpError(
    'run/no-gguf-adapter',
    `This model cannot be written as an adapter: ${why}.`,
    'Write the merged model: on the command line without --adapter, on the page with GGUF model.',
  );

/**
 * Writes a round as GGUF, with a Modelfile for each task and a model card.
 *
 * @param base the model that the round was trained on.
 * @param dtype of the merged model's weights; null for the adapter alone.
 * @throws GorpError `run/has-gates`, and as {@link ggufFiles} and {@link ggufAdapterFiles}.
 */
export async function roundAsGguf(base: ModelFiles, saved: SavedRound, dtype: GgufDtype | null): Promise<OutputFile[]> {
  refuseByPrompt(saved.changes, dtype === null ? 'A GGUF adapter' : 'A GGUF file');
  const { model, order, training } = saved.results.settings;
  const learned = learnedSlug(order.slice(0, saved.round));
  const asking: Asking = {
    promptForm: training.promptForm,
    maxNewTokens: answerLengthIn(saved.results),
    sourceLength: training.sourceLength,
    tasks: saved.state.lessons.map(({ definition }) => definition),
  };
  const isAdapter = dtype === null;
  const name = isAdapter ? adapterFileName(model, learned) : mergedName(model, learned, dtype);
  const files = isAdapter
    ? await ggufAdapterFiles(base, { name, base: baseFile(model), asking }, saved)
    : await ggufFiles(base, { name, dtype, asking }, saved);
  const ingredients = isAdapter ? { model: baseFile(model), adapter: `${name}.gguf` } : { model: `${name}.gguf` };
  const isAsked = files.some(({ path }) => path === 'Modelfile');
  const more = isAsked ? howToAsk(asking, ingredients, learned) : '';
  return [...files, await cardOf(saved, base, isAdapter ? 'gguf-adapter' : 'gguf', more)];
}

/** Markdown. */
function howToAsk(asking: Asking, ingredients: Ingredients, learned: string): string {
  const { ollama, llamaCpp } = linesToAsk(asking, ingredients, learned);
  const block = (lines: readonly string[]): string => `\`\`\`\n${lines.join('\n')}\n\`\`\`\n`;
  const adapter = ingredients.adapter === undefined ? '' : ' Recent versions take no adapters.';
  return `
## Ask it

In this folder, with [Ollama](https://ollama.com): each task’s Modelfile holds its question, so that a text is enough; the last one is for conversations.${adapter}

${block(ollama)}
With [llama.cpp](https://github.com/ggml-org/llama.cpp), one of these, then http://localhost:8080 in a browser:

${block(llamaCpp)}`;
}
