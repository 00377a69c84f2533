import { GorpError } from '../base/errors.ts';
import { checkTrainedLayers } from '../weights/exports/merge.ts';
import type { OutputFile } from '../weights/exports/output-file.ts';
import { BLOCK_TYPES, quantise } from '../weights/gguf/blocks.ts';
import type { GgufValue } from '../weights/gguf/values.ts';
import { ggufBytes, type GgufSource } from '../weights/gguf/write.ts';
import type { ModelFiles } from '../weights/model-folder.ts';
import { writtenForm } from './architecture.ts';
import { fileName, interleavedRows, type TrainedChanges } from './model-tensors.ts';
import { type Asking, readForms, recipes } from './modelfile.ts';

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
      return which === 'B' && heads > 0 ? interleavedRows(bytes, out, heads) : bytes;
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
