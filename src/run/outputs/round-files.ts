import type { Matrix } from '../../gorp/matrix.ts';
import type { Trained } from '../../gorp/trained.ts';
import { planOf } from '../../methods/registry.ts';
import { familyOf } from '../../models/families.ts';
import { jsonFile, type OutputFile, textFile } from '../../weights/exports/output-file.ts';
import { peftConfig, peftTensors } from '../../weights/exports/peft.ts';
import { PT_FORMAT } from '../../weights/exports/sharding.ts';
import { type TensorSource, writeSafetensors } from '../../weights/safetensors.ts';
import type { ModelFiles } from '../../weights/model-folder.ts';
import type { Results } from '../results.ts';
import type { EncodedTask } from '../task-data.ts';
import {
  ADAPTER_CONFIG_FILE,
  ADAPTER_FILE,
  DELTAS_FILE,
  DIRECTIONS_FILE,
  directionsName,
  EXAMPLES_FILE,
  PREDICTIONS_FILE,
  ROUND_FILE,
  SPACES_FILE,
  STATE_FILE,
} from './layout.ts';
import { type Metrics, predictMetrics, type TestedTask, trainMetrics, type TrainedRound } from './metrics.ts';
import { pythonJson } from './python-json.ts';

/** A round as it ended. */
export interface EndedRound {
  round: number;
  trained: TrainedRound;
  /** Tasks seen so far with the answers of this round's test. */
  tests: readonly (TestedTask & { task: EncodedTask })[];
  /** The results of the run so far. */
  results: Results;
}

/**
 * The result files of a round, with the names, keys and number formats of the released code (docs/method.md, section 6):
 * `train_results.json`, `predict_results.json`, `all_results.json`, `predict_eval_predictions.jsonl`.
 */
export function resultFiles({ trained, tests }: EndedRound): OutputFile[] {
  const train = trainMetrics(trained);
  const predict = predictMetrics(tests, trained.epochs, trained.losses.length);
  return [
    metricsFile('train', train),
    metricsFile('predict', predict),
    metricsFile('all', { ...train, ...predict }),
    predictionsFile(tests),
  ];
}

/** The result files of a test without training: `predict_results.json`, `predict_eval_predictions.jsonl`. */
export const testFiles = (tests: EndedRound['tests']): OutputFile[] => [
  metricsFile('predict', predictMetrics(tests, 0, 0)),
  predictionsFile(tests),
];

const metricsFile = (name: string, metrics: Metrics): OutputFile =>
  textFile(`${name}_results.json`, () => pythonJson(metrics, 4));

const predictionsFile = (tests: EndedRound['tests']): OutputFile => ({
  path: PREDICTIONS_FILE,
  content: () => predictions(tests),
});

/** A line for every test example: the task, the example and the answer. */
// oxlint-disable-next-line typescript/require-await -- all content is requested in the same way.
async function* predictions(tests: EndedRound['tests']): AsyncGenerator<Uint8Array> {
  for (const { task, answers } of tests) {
    const lines = answers.map(({ text }, i) => {
      const label = task.testLabels[i];
      const sentence = task.testSentences[i];
      const { instruction } = task;
      const Instance = { id: String(i), sentence, label, instruction, ground_truth: label };
      return `${pythonJson({ Task: task.kind, Dataset: task.name, Instance, Prediction: text })}\n`;
    });
    yield new TextEncoder().encode(lines.join(''));
  }
}

/**
 * What a round saves for the next one: the adapter in PEFT's format, the changes of full-rank weights, the shared
 * spaces, and the place in the run. Weights are read from the GPU when a file is written.
 *
 * @param base the trained model, as it was loaded.
 */
export function trainedFiles(trained: Trained, base: ModelFiles, { round, results }: EndedRound): OutputFile[] {
  const { adapters, weights, spaces, directions, state, scaling, optimizerSteps } = trained;
  const { model, method } = results.settings;
  const plan = planOf(method);
  const files: OutputFile[] = [];
  if (adapters.length > 0) {
    const task = familyOf(base.config).kind === 'decoder-only' ? 'CAUSAL_LM' : 'SEQ_2_SEQ_LM';
    const revision = results.model.commit;
    const facts = { baseModel: model, revision, task, scaling, dropout: plan.adapters?.dropout ?? 0 } as const;
    files.push(jsonFile(ADAPTER_CONFIG_FILE, peftConfig(adapters, facts)));
    files.push(tensorFile(ADAPTER_FILE, peftTensors(adapters)));
  }
  if (weights.length > 0) {
    const deltas = weights.map(({ layer, out, inputs, read }): TensorSource => {
      const name = `${layer}.weight`;
      const delta = async (): Promise<Float32Array> => {
        const [now, before] = [await read(), await base.readTensor(name)];
        return now.map((w, i) => w - before[i]);
      };
      return { name, dtype: 'F32', shape: [out, inputs], read: delta };
    });
    files.push(tensorFile(DELTAS_FILE, deltas));
  }
  const source = (name: string, { rows, columns, data }: Matrix): TensorSource => {
    return { name, dtype: 'F32', shape: [rows, columns], read: () => Float32Array.from(data) };
  };
  if (spaces.size > 0) {
    const ofTasks = [...directions].flatMap(([layer, tasks]) =>
      tasks.map((one, i) => source(directionsName(layer, i + 1), one)),
    );
    files.push(
      tensorFile(
        SPACES_FILE,
        [...spaces].map(([layer, S]) => source(layer, S)),
      ),
    );
    files.push(tensorFile(DIRECTIONS_FILE, ofTasks));
  }
  const kept = plan.endTask && { tensors: state.tensors.size, examples: state.examples.length };
  if (kept && kept.tensors > 0) {
    files.push(
      tensorFile(
        STATE_FILE,
        [...state.tensors].map(([name, tensor]) => source(name, tensor)),
      ),
    );
  }
  if (kept && kept.examples > 0) files.push(jsonFile(EXAMPLES_FILE, state.examples));
  const format = { schema: 'gorp-web/round', version: 1 };
  files.push(jsonFile(ROUND_FILE, { ...format, round, optimizerSteps, ...(kept && { state: kept }), results }));
  return files;
}

const tensorFile = (path: string, tensors: readonly TensorSource[]): OutputFile => ({
  path,
  content: () => writeSafetensors(tensors, PT_FORMAT),
});
