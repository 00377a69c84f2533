import type { Tuning } from '../../src/device/webgpu/tuning.ts';
import { Learner } from '../../src/gorp/learner.ts';
import { methodPreset, planOf } from '../../src/methods/registry.ts';
import { Evaluations } from '../../src/run/evaluation-programs.ts';
import { frozenPacking } from '../../src/run/frozen-weights.ts';
import { chosenTargets } from '../../src/run/model-modules.ts';
import { networkOf } from '../../src/run/open-network.ts';
import { initialTraining } from '../../src/run/training-settings.ts';
import { T5_SMALL } from '../random-t5.ts';
import { recordingDevice } from './recorder.ts';
import type { RecordedCall } from './work.ts';

/** The fields of t5-large's config.json that affect computation. */
const T5_LARGE = { ...T5_SMALL, d_model: 1024, d_ff: 4096, num_layers: 24, num_heads: 16 } as const;

/** The same of TinyLlama-1.1B's. */
const TINY_LLAMA = {
  model_type: 'llama',
  vocab_size: 32000,
  hidden_size: 2048,
  intermediate_size: 5632,
  num_hidden_layers: 22,
  num_attention_heads: 32,
  num_key_value_heads: 4,
  max_position_embeddings: 2048,
  rms_norm_eps: 1e-5,
  hidden_act: 'silu',
  tie_word_embeddings: false,
  bos_token_id: 1,
  eos_token_id: 2,
} as const;

/** A model and the batches that it is trained and tested with; nothing is loaded. */
interface Subject {
  readonly name: string;
  readonly config: { readonly model_type: string };
  readonly training: {
    readonly sourceLength: number;
    readonly frozenWeights: 'f32' | '8-bit';
    readonly activations: 'keep' | 'recompute';
  };
  /** Rows of a training batch and of a test batch. */
  readonly rows: number;
  readonly testRows: number;
}

const TARGET_LENGTH = 10;
/** Sizes of a tree of labels. */
const TREE = { nodes: 30, choices: 40 };

const SUBJECTS: readonly Subject[] = [
  {
    ...{ name: 't5-small', config: T5_SMALL, rows: 8, testRows: 64 },
    training: { sourceLength: 128, frozenWeights: 'f32', activations: 'keep' },
  },
  {
    ...{ name: 't5-large', config: T5_LARGE, rows: 8, testRows: 64 },
    training: { sourceLength: 512, frozenWeights: 'f32', activations: 'recompute' },
  },
  {
    ...{ name: 'TinyLlama 8-bit', config: TINY_LLAMA, rows: 1, testRows: 8 },
    training: { sourceLength: 512, frozenWeights: '8-bit', activations: 'recompute' },
  },
];

/** The dispatches of a program of a subject, in order. */
export interface RecordedProgram {
  readonly name: string;
  readonly calls: readonly RecordedCall[];
}

/**
 * The programs of the tables: a step of `gorp` in its second task (gradients, without and with a refresh of the bases),
 * reading a test batch, and decoding a token.
 *
 * @param choices of a device that has seen no other model. If it measures, programs are recorded once before, which
 *   makes known what there is to measure.
 */
export async function recordPrograms(choices: () => Tuning): Promise<RecordedProgram[]> {
  const programs: RecordedProgram[] = [];
  for (const subject of SUBJECTS) {
    const tuning = choices();
    if (tuning.isMeasuring) await programsOf(subject, tuning);
    programs.push(...(await programsOf(subject, tuning)));
  }
  return programs;
}

async function programsOf(
  { name, config, rows, testRows, ...subject }: Subject,
  tuning: Tuning,
): Promise<RecordedProgram[]> {
  const { device, programs } = recordingDevice(tuning);
  const training = { ...initialTraining(), ...subject.training, targetLength: TARGET_LENGTH, gradientAccumulation: 1 };
  const { sourceLength: S, frozenWeights } = training;
  const { network, targets } = networkOf(device, config, training);
  const { shapes } = network;
  const method = methodPreset('gorp');
  const learner = await Learner.create(
    device,
    network,
    planOf(method),
    chosenTargets({ method, training }, shapes, targets),
    {
      ...{ seed: 0, maxGradNorm: 1, gradientAccumulation: 1, recompute: training.activations === 'recompute' },
      packing: (parameter) => frozenPacking(frozenWeights, parameter, shapes.get(parameter) ?? [], 'F32'),
    },
    null,
  );
  await learner.reserveTraining(2, [{ B: rows, S, T: TARGET_LENGTH }]);
  const [refresh, plain] = programs.filter((program) => program.name.startsWith('gradients'));
  learner.reserveTesting(2);
  const evaluations = new Evaluations(device, network, learner.layers, TARGET_LENGTH + 1);
  const { generation } = await evaluations.of({ B: testRows, S, ...TREE });
  await evaluations.decoder(generation, testRows);
  // The last of a name: earlier ones were recorded before the programs' shared memory was large enough.
  const last = (start: string): readonly RecordedCall[] =>
    programs.filter((program) => program.name.startsWith(start)).at(-1)?.calls ?? [];
  return [
    { name: `${name}, step ${rows}×${S}`, calls: plain.calls },
    { name: `${name}, step with refresh`, calls: refresh.calls },
    { name: `${name}, prefill ${testRows}×${S}`, calls: last('encode') },
    { name: `${name}, a token of ${testRows} rows`, calls: last('decode') },
  ];
}
