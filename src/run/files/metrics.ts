import { mean } from '../../base/statistics.ts';
import type { TaskForm } from '../../tasks/forms.ts';
import { averageScores, roundedTo4 } from '../../text/scores.ts';
import type { Answer } from '../results/answers.ts';

/** A number that Python holds as a float: written with a decimal point or an exponent, `100.0`. */
export class PythonFloat {
  constructor(readonly value: number) {}
}

/** A value in a result file; a plain number is an integer. */
export type PythonValue =
  | null
  | string
  | number
  | PythonFloat
  | readonly string[]
  | { readonly [key: string]: PythonValue };

/**
 * JSON as Python's `json.dumps` writes it: `", "` and `": "` between parts, everything but ASCII escaped, and floats as
 * `repr` gives them, so that the result files match those of the released code.
 *
 * @param indent spaces per level; if given, one entry per line with sorted keys, as in `Trainer.save_metrics`.
 */
export function pythonJson(value: PythonValue, indent?: number): string {
  const write = (part: PythonValue, depth: number): string => {
    if (part === null) return 'null';
    if (typeof part === 'string') return asciiString(part);
    if (typeof part === 'number') return String(part);
    if (part instanceof PythonFloat) return pythonFloat(part.value);
    if (isList(part)) return `[${part.map(asciiString).join(', ')}]`;
    const keys = Object.keys(part);
    if (keys.length === 0) return '{}';
    const entries = (indent === undefined ? keys : keys.sort()).map(
      (key) => `${asciiString(key)}: ${write(part[key], depth + 1)}`,
    );
    if (indent === undefined) return `{${entries.join(', ')}}`;
    const line = (level: number): string => `\n${' '.repeat(indent * level)}`;
    return `{${line(depth + 1)}${entries.join(`,${line(depth + 1)}`)}${line(depth)}}`;
  };
  return write(value, 0);
}

const isList = (part: PythonValue): part is readonly string[] => Array.isArray(part);

const asciiString = (text: string): string =>
  JSON.stringify(text).replaceAll(/[\u007f-\uffff]/g, (unit) =>
    unit === '\u007f' ? unit : `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );

/** `repr` of a float: the shortest digits, as in JavaScript, but with an exponent from 1e16 on and below 1e-4. */
function pythonFloat(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? 'Infinity' : '-Infinity';
  const magnitude = Math.abs(value);
  if (magnitude !== 0 && (magnitude < 1e-4 || magnitude >= 1e16)) {
    return value.toExponential().replace(/e([+-])(\d)$/, 'e$10$2');
  }
  const text = Object.is(value, -0) ? '-0' : String(value);
  return text.includes('.') ? text : `${text}.0`;
}

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
    train_loss: float(mean(losses)),
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
