import { averageScores, roundedTo4 } from '../../text/scores.ts';
import type { TaskForm } from '../../tasks/forms.ts';
import type { Answer } from '../results/answer.ts';
import { PythonFloat, type PythonValue } from './python-json.ts';

/** Metrics under the names of the released code's result files. */
export type Metrics = Record<string, PythonValue>;

/** How a round was trained. */
export interface TrainedRound {
  epochs: number;
  examples: number;
  /** Loss of every optimizer step of the round. */
  losses: readonly number[];
  seconds: number;
  /** Tokens of the batches' sources: what Hugging Face's Trainer counts, but without padding. */
  paddedTokens: number;
  /** Parameters of the model without its embeddings. */
  parameters: number;
}

/** Answers to the test examples of a task seen so far. */
export interface TestedTask {
  kind: string;
  name: string;
  form: TaskForm;
  answers: readonly Answer[];
  batches: number;
  seconds: number;
}

const float = (value: number): PythonFloat => new PythonFloat(value);
const rounded = (value: number, digits: number): PythonFloat => float(Number(value.toFixed(digits)));

/**
 * The metrics of `train_results.json`, as Trainer gives them. `total_flos` is six per token and parameter, the
 * embeddings left out (`PreTrainedModel.floating_point_ops`).
 */
export function trainMetrics(round: TrainedRound): Metrics {
  const { epochs, examples, losses, seconds, paddedTokens, parameters } = round;
  return {
    epoch: float(epochs),
    total_flos: float(6 * paddedTokens * parameters),
    train_loss: float(losses.reduce((sum, loss) => sum + loss, 0) / losses.length),
    train_runtime: rounded(seconds, 4),
    train_samples: examples,
    train_samples_per_second: rounded((examples * epochs) / seconds, 3),
    train_steps_per_second: rounded(losses.length / seconds, 3),
  };
}

/**
 * The metrics of `predict_results.json` over the test sets of all tasks seen (docs/method.md, section 6). `predict_loss` is
 * the mean over the labels' tokens; the released code takes the mean of its batches' means, which depends on how the
 * examples fall into batches.
 *
 * @param steps optimizer steps of the round.
 */
export function predictMetrics(tests: readonly TestedTask[], epochs: number, steps: number): Metrics {
  // Of a text only the loss is tested.
  const written = tests.filter(({ form }) => form !== 'text');
  const scores = written.flatMap(({ kind, name, answers }) => answers.map((one) => ({ ...one, kind, dataset: name })));
  const all = tests.flatMap(({ answers }) => answers);
  const sum = (valueOf: (answer: Answer) => number): number => all.reduce((total, one) => total + valueOf(one), 0);
  const seconds = tests.reduce((total, test) => total + test.seconds, 0);
  const batches = tests.reduce((total, test) => total + test.batches, 0);
  const averages = Object.entries(averageScores(scores)).map(([name, value]) => [`predict_${name}`, float(value)]);
  return {
    epoch: float(epochs),
    ...(Object.fromEntries(averages) as Metrics),
    predict_gen_len: float(roundedTo4(sum(({ generated }) => generated) / Math.max(1, scores.length))),
    predict_global_step: steps,
    predict_loss: float(sum(({ loss }) => loss) / sum(({ labelTokens }) => labelTokens)),
    predict_runtime: rounded(seconds, 4),
    predict_samples: all.length,
    predict_samples_per_second: rounded(all.length / seconds, 3),
    predict_steps_per_second: rounded(batches / seconds, 3),
  };
}
