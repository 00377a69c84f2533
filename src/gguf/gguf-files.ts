import { templateOf } from '../text/chat-template.ts';
import type { TrainedChanges } from '../weights/exports/merge.ts';
import type { OutputFile } from '../weights/exports/output-file.ts';
import type { WrittenType } from '../weights/gguf/blocks.ts';
import type { GgufValue } from '../weights/gguf/values.ts';
import { openGguf } from '../weights/gguf/model.ts';
import { ggufBytes, type GgufSource, readableGguf } from '../weights/gguf/write.ts';
import { LocalFolder, type ModelFiles } from '../weights/model-folder.ts';
import { type WrittenForm, writtenForm } from './architecture.ts';
import type { GgufDtype } from './names.ts';
import { modelTensors } from './model-tensors.ts';
import { type Asking, type KnownForms, readForms, recipes } from './modelfile.ts';
import { tokenizerValues } from './tokenizer-values.ts';

const WRITTEN: Readonly<Record<GgufDtype, WrittenType>> = { f32: 'F32', f16: 'F16', q8_0: 'Q8_0', q4_0: 'Q4_0' };
/** The type that a file mostly holds (`llama_ftype`). */
const FILE_TYPE: Readonly<Record<WrittenType, number>> = { F32: 0, F16: 1, Q4_0: 2, Q8_0: 7 };
/** Version of the blocks' layouts (`GGML_QNT_VERSION`). */
const QUANTISATION_VERSION = 2;

/** The name of an export, and how it is asked. */
interface GgufExport {
  /** File name without `.gguf`. */
  readonly name: string;
  readonly dtype: GgufDtype;
  readonly asking: Asking;
}

/**
 * A model as one GGUF file for llama.cpp and the programs built on it, with all training merged in; for a decoder-only
 * model with the files that ask it: see {@link recipes}. Weights are read, merged and written one tensor at a time.
 *
 * @param trained the changes of a round; undefined exports the base model.
 * @throws GorpError `model/no-gguf`, `text/no-gguf` if llama.cpp does not compute this model or its tokens in the same
 *   way; `model/…`, `text/…` as {@link readForms}; `weights/other-model`. While writing: the errors of reading tensors,
 *   `weights/f16-overflow`.
 */
export async function ggufFiles(
  base: ModelFiles,
  { name, dtype, asking }: GgufExport,
  trained?: TrainedChanges,
): Promise<OutputFile[]> {
  const form = writtenForm(base.config);
  const known = await readForms(base, asking);
  const { metadata, tensors } = await contentsOf(base, form, known, { name, dtype }, trained);
  const path = `${name}.gguf`;
  const file: OutputFile = { path, content: () => ggufBytes(metadata, tensors) };
  if (form.kind === 'encoder-decoder') return [file]; // Ollama runs none
  return [file, ...recipes(known, asking, { model: path })];
}

/** Returns the contents of a file. @throws GorpError as {@link ggufFiles}. */
async function contentsOf(
  base: ModelFiles,
  form: WrittenForm,
  known: KnownForms,
  { name, dtype }: Pick<GgufExport, 'name' | 'dtype'>,
  trained?: TrainedChanges,
): Promise<{ metadata: Map<string, GgufValue>; tensors: GgufSource[] }> {
  const type = WRITTEN[dtype];
  const tensors = modelTensors(base, form, type, trained);
  const own = base.gguf?.metadata.values;
  const metadata = new Map<string, GgufValue>([
    // A model that came as GGUF keeps what its file says, but not that the file was one of several.
    ...(own === undefined
      ? await valuesOf(base, form, known, name)
      : [...own].filter(([key]) => !key.startsWith('split.'))),
    ['general.file_type', { type: 'uint32', value: FILE_TYPE[type] }],
    ['general.quantization_version', { type: 'uint32', value: QUANTISATION_VERSION }],
  ]);
  return { metadata, tensors };
}

/**
 * The model in such a file, as if it were written and opened: with its own texts, so that it reads the same tokens, and
 * with the weights of the file.
 *
 * @throws GorpError as {@link ggufFiles}.
 */
export async function modelInGguf(base: ModelFiles, dtype: GgufDtype, trained: TrainedChanges): Promise<ModelFiles> {
  const form = writtenForm(base.config);
  const known = await readForms(base, { promptForm: 'raw' });
  const { metadata, tensors } = await contentsOf(base, form, known, { name: 'model', dtype }, trained);
  const file = readableGguf('model.gguf', metadata, tensors);
  const folder = new LocalFolder(file.name, (name) => Promise.resolve(name === file.name ? file : null));
  const written = await openGguf(folder, file.name);
  const { config, tokenizer, tokenizerConfig, generationConfig } = base;
  return { ...written, config, tokenizer, tokenizerConfig, generationConfig, chatTemplate: () => base.chatTemplate() };
}

/** The metadata of a model that has none. */
async function valuesOf(
  base: ModelFiles,
  { architecture, fields }: WrittenForm,
  { raw, asked }: KnownForms,
  name: string,
): Promise<[string, GgufValue][]> {
  const template = templateOf(base.tokenizerConfig, await base.chatTemplate());
  return [
    ['general.architecture', { type: 'string', value: architecture }],
    ['general.type', { type: 'string', value: 'model' }],
    ['general.name', { type: 'string', value: name }],
    ...fields,
    ...tokenizerValues(base, { ...raw, endIds: asked.endIds }),
    ...templateValue(template),
  ];
}

const templateValue = (template: string | null): [string, GgufValue][] =>
  template === null ? [] : [['tokenizer.chat_template', { type: 'string', value: template }]];
