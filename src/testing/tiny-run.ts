import { mixSeed, seededRandom } from '../base/random.ts';
import { type MethodName, methodPreset, type MethodSettings, withValues } from '../methods/registry.ts';
import { sizeOf } from '../graph/tensor.ts';
import { familyOf } from '../models/families.ts';
import type { Device } from '../device/device.ts';
import type { RunEvent } from '../run/events.ts';
import type { RunHost } from '../run/host.ts';
import type { RunSettings, TrainingSettings } from '../run/settings.ts';
import { initialTraining } from '../run/training-settings.ts';
import type { TensorInfo } from '../weights/safetensors.ts';
import type { ModelFiles } from '../weights/model-folder.ts';
import { acquireTestDevice } from './devices.ts';

const WORDS = ['red', 'blue', 'round', 'square', 'ball', 'box', 'warm', 'cold', 'roll', 'stand'];
/** Sentences of two words, and the label that the task's rule gives them. */
const TASKS: Record<string, { labels: string[]; examples: [sentence: string, label: string][] }> = {
  gloss: {
    labels: ['warm', 'cold'],
    examples: [
      ['red ball', 'warm'],
      ['blue ball', 'cold'],
      ['red box', 'warm'],
      ['blue box', 'cold'],
      ['red', 'warm'],
      ['blue', 'cold'],
    ],
  },
  field: {
    labels: ['roll', 'stand', 'ball box'],
    examples: [
      ['round ball', 'roll'],
      ['square box', 'stand'],
      ['round square ball', 'ball box'],
      ['round box', 'roll'],
      ['square ball', 'stand'],
    ],
  },
};

const CONFIG = {
  model_type: 't5',
  vocab_size: 24, // more rows than tokens, as in published models
  d_model: 16,
  d_kv: 8,
  d_ff: 32,
  num_layers: 1,
  num_decoder_layers: 2,
  num_heads: 2,
  relative_attention_num_buckets: 8,
  relative_attention_max_distance: 16,
};

/** A tokenizer of a few words; what it does not know is `<unk>`. */
function tinyTokenizer(): unknown {
  const special = (id: number, content: string) => ({ id, content, special: true, normalized: false });
  const metaspace = { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always' };
  return {
    added_tokens: [special(0, '<pad>'), special(1, '</s>'), special(2, '<unk>')],
    normalizer: null,
    pre_tokenizer: { type: 'Sequence', pretokenizers: [{ type: 'WhitespaceSplit' }, metaspace] },
    post_processor: null,
    decoder: metaspace,
    model: {
      type: 'Unigram',
      unk_id: 2,
      vocab: [
        ['<pad>', 0],
        ['</s>', 0],
        ['<unk>', 0],
        ...WORDS.map((word, i): [string, number] => [`▁${word}`, -1 - i / 8]),
      ],
    },
  };
}

/**
 * A model with random weights, as the weight store would give it: a T5.
 *
 * @param more overrides its config; with another `model_type` it must be the whole config of a model of that family, with
 *   the special tokens of {@link tinyTokenizer}.
 */
export function tinyModel(more: Readonly<Record<string, unknown>> = {}): ModelFiles {
  const config = 'model_type' in more ? more : { ...CONFIG, ...more };
  const { shapes } = familyOf(config).read(config);
  const normAddsOne = config['model_type'] === 'gemma3_text';
  const tensors = new Map<string, TensorInfo & { file: string }>();
  for (const [name, shape] of shapes) {
    tensors.set(name, { name, dtype: 'F32', shape, begin: 0, end: sizeOf(shape) * 4, file: 'model.safetensors' });
  }
  const readTensor = (name: string): Promise<Float32Array> => {
    const shape = shapes.get(name) ?? [];
    if (name.endsWith('norm.weight')) return Promise.resolve(new Float32Array(sizeOf(shape)).fill(normAddsOne ? 0 : 1));
    const random = seededRandom(mixSeed(1, name));
    const bound = name === 'shared.weight' ? 2 : 1.5 / Math.sqrt(shape[shape.length - 1]);
    return Promise.resolve(Float32Array.from({ length: sizeOf(shape) }, () => bound * (2 * random.next() - 1)));
  };
  return {
    config,
    tokenizer: tinyTokenizer(),
    tokenizerConfig: {},
    generationConfig: null,
    chatTemplate: () => Promise.resolve(null),
    tensors,
    readTensor,
    readRaw: async (name) => {
      const bytes = new Uint8Array((await readTensor(name)).slice().buffer);
      return { dtype: 'F32', shape: shapes.get(name) ?? [], bytes };
    },
    contentHash: () => Promise.resolve('7'.repeat(64)),
    commit: null,
    fromCache: true,
    discard: () => Promise.resolve(),
  };
}

/** Reads the tiny tasks as if they lay in a CL_Benchmark folder. */
export function readTinyTask(path: string): Promise<string> {
  if (path === 'configs/instruction_config.json') {
    return Promise.resolve(JSON.stringify({ TC: [{ instruction: 'warm or cold\n' }] }));
  }
  const [name, file] = path.split('/').slice(-2);
  const { labels, examples } = TASKS[name];
  const rows = examples.map(([sentence, label]) => ({ sentence, label }));
  return Promise.resolve(JSON.stringify(file === 'labels.json' ? labels : rows));
}

/** Settings of a run of seconds: two tasks of two epochs. */
export function tinySettings(
  name: MethodName,
  training: Partial<TrainingSettings> = {},
  method: Partial<MethodSettings> = {},
): RunSettings {
  return {
    model: 'tiny',
    tasks: 'embedded',
    order: ['gloss', 'field'],
    method: withValues(methodPreset(name), {
      loraRank: 4,
      galoreRank: 4,
      updateProjGap: 3,
      learningRate: 0.01,
      galoreLearningRate: 0.01,
      ...method,
    }),
    training: {
      ...initialTraining(),
      batchSize: 2,
      sourceLength: 24,
      targetLength: 3,
      trainExamples: 0,
      testExamples: 0,
      evaluationBatchSize: 4,
      ...training,
    },
  };
}

/** The part of a host that opens a run's device. */
export const onDevice = (open: () => Promise<Device>): Pick<RunHost, 'acquireDevice'> => ({
  acquireDevice: async () => ({ device: await open(), why: 'asked' }),
});

/** What a run asks for, in memory. */
export function tinyHost(emit: (event: RunEvent) => void, parts: Partial<RunHost> = {}): RunHost {
  return {
    ...onDevice(acquireTestDevice),
    openModel: () => Promise.resolve(tinyModel()),
    taskReader: () => readTinyTask,
    customTask: () => Promise.resolve(undefined),
    emit,
    now: () => performance.now(),
    code: { version: '0.0.0', commit: 'test' },
    ...parts,
  };
}
