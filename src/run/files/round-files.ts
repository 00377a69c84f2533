import { needsOf, partOf } from '../../gorp/part/method-plan.ts';
import { methodTitle, planOf } from '../../methods/registry.ts';
import { familyOf } from '../../models/families.ts';
import { instructionTemplate } from '../../tasks/prompt.ts';
import { jsonFile, type OutputFile, peftConfig, textFile, within } from '../../weights/exports/output-file.ts';
import type { ModelFiles } from '../../weights/model-folder.ts';
import type { EncodedTask } from '../tasks/encoded-task.ts';
import { ADAPTER_CONFIG_FILE, PREDICTIONS_FILE, WATCHED_FILE } from './layout.ts';
import {
  type Metrics,
  predictMetrics,
  pythonJson,
  type TestedTask,
  type TrainedRound,
  trainMetrics,
} from './metrics.ts';
import { baseName, licenceOfBase, modelCard } from './model-card.ts';
import { type RunState, stateFiles } from './saved-run.ts';

/** A round as it ended. */
export interface EndedRound {
  trained: TrainedRound;
  /** Tasks seen so far, and those that are only tested, with the answers of this round's test. */
  tests: readonly (TestedTask & { task: EncodedTask })[];
}

/**
 * The result files of a round, with the names, keys and number formats of the released code (docs/method.md, section 6):
 * `train_results.json`, `predict_results.json`, `all_results.json`, `predict_eval_predictions.jsonl`. The answers to tasks
 * that are only tested are in a file of their own.
 */
export function resultFiles({ trained, tests }: EndedRound): OutputFile[] {
  const train = trainMetrics(trained);
  const predict = predictMetrics(learnedOf(tests), trained.epochs, trained.losses.length);
  return [
    metricsFile('train', train),
    metricsFile('predict', predict),
    metricsFile('all', { ...train, ...predict }),
    ...predictionFiles(tests),
  ];
}

const learnedOf = (tests: EndedRound['tests']): EndedRound['tests'] => tests.filter(({ task }) => !task.watched);

/** The result files of a test without training: `predict_results.json`, `predict_eval_predictions.jsonl`. */
export const testFiles = (tests: EndedRound['tests']): OutputFile[] => [
  metricsFile('predict', predictMetrics(learnedOf(tests), 0, 0)),
  ...predictionFiles(tests),
];

const metricsFile = (name: string, metrics: Metrics): OutputFile =>
  textFile(`${name}_results.json`, () => pythonJson(metrics, 4));

function predictionFiles(tests: EndedRound['tests']): OutputFile[] {
  const watched = tests.filter(({ task }) => task.watched);
  const file = (path: string, of: EndedRound['tests']): OutputFile => ({ path, content: () => predictions(of) });
  return [file(PREDICTIONS_FILE, learnedOf(tests)), ...(watched.length > 0 ? [file(WATCHED_FILE, watched)] : [])];
}

/** A line for every test example: the task, the example and the answer. */
// oxlint-disable-next-line typescript/require-await -- all content is requested in the same way.
async function* predictions(tests: EndedRound['tests']): AsyncGenerator<Uint8Array> {
  for (const { task, answers } of tests) {
    if (task.form === 'text') continue; // nothing is written
    const instruction = instructionTemplate(task.definition);
    const lines = answers.map(({ text }, i) => {
      const { label, sentence, others = [] } = task.asked[i];
      const Instance = {
        id: String(i),
        sentence,
        label,
        instruction,
        ground_truth: label,
        ...(task.form !== 'labels' && { form: task.form, others: [...others] }),
      };
      return `${pythonJson({ Task: task.kind, Dataset: task.name, Instance, Prediction: text })}\n`;
    });
    yield new TextEncoder().encode(lines.join(''));
  }
}

/**
 * Returns the files of a round: its state, from which the next round resumes, and PEFT's description of its adapter.
 * Tensors are read from the device when a file is written. Adapters that count by the prompt get no such
 * description, since PEFT would count all of them fully, but a note that says so.
 *
 * @param base the trained model, as it was loaded.
 * @param onBytes receives how much of the tensors has been written.
 */
export async function roundFiles(
  state: RunState,
  base: ModelFiles,
  onBytes?: (bytes: number) => void,
): Promise<OutputFile[]> {
  const { settings, model } = state.results;
  const plan = planOf(settings.method);
  const adapters = partOf(plan, 'adapters');
  const pairs = state.learner.tensors.flatMap(({ name, place, rows }) => {
    const layer = place === 'adapter' ? /^(.*)\.lora_A\.weight$/.exec(name)?.[1] : undefined;
    return layer === undefined ? [] : [{ layer, rank: rows }];
  });
  const { files } = stateFiles(state, 'round', { onBytes });
  if (adapters === undefined || pairs.length === 0) return files;
  const { byPrompt } = needsOf(plan);
  if (byPrompt) return [byPromptNote(methodTitle(settings.method), byPrompt.what), ...files];
  const config = peftConfig(
    pairs.map(({ layer }) => layer),
    pairs[0].rank,
    {
      baseModel: baseName(settings.model),
      revision: model.commit,
      task: familyOf(base.config).kind === 'decoder-only' ? 'CAUSAL_LM' : 'SEQ_2_SEQ_LM',
      scaling: adapters.alpha / adapters.rank,
      dropout: adapters.dropout,
    },
  );
  const card = modelCard(state.results, await licenceOfBase(settings.model, base), 'adapter');
  return [jsonFile(ADAPTER_CONFIG_FILE, config), ...within('adapter', [card]), ...files];
}

/** Takes the place of PEFT's description. */
const byPromptNote = (method: string, what: string): OutputFile =>
  textFile(
    'adapter/README.md',
    () => `# Not an adapter for PEFT

\`adapter_model.safetensors\` has the adapters of all tasks, but in what ${method} trained, ${what}. PEFT cannot hold that, so there is no \`adapter_config.json\` here.

Take the export to ONNX instead, which can (\`gorp-web export --round DIR --out DIR\`, or _ONNX_ on the page), or answer with \`gorp-web generate --round DIR\`.
`,
  );
