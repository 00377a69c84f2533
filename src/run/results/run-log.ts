/**
 * The measurements of a run in files that other tools open: event files of TensorBoard (which Trackio and Weights &
 * Biases import), a wide CSV, the state of transformers' Trainer, and Avalanche's table of tests.
 */
import { asPieces } from '../../base/pieces.ts';
import { methodOf } from '../../methods/registry.ts';
import { type Cell, csvLine } from '../../base/visible.ts';
import { textFile, type OutputFile } from '../../weights/exports/output-file.ts';
import { epochsOf } from '../settings/settings.ts';
import { isScoredBy, isShare, mainScore, SCORES } from '../../tasks/forms.ts';
import { namedRounds, roundOf } from '../settings/schedule.ts';
import { generalTextStates } from './known-before.ts';
import type { Results } from './results.ts';

/** Values that were measured after a step of a run, 0 for before training, by the names of `transformers`' loggers. */
export interface LogRecord {
  readonly step: number;
  /** Seconds since the epoch. */
  readonly time: number;
  readonly values: ReadonlyMap<string, number>;
}

/** Follows a run: each call gives what its results measured since the last one. */
export class RunLog {
  #steps = 0;
  #validations = 0;
  readonly #measured = new Set<string>();

  next(results: Results): LogRecord[] {
    const { curves, validation = [] } = results;
    const started = Date.parse(results.startedAt) / 1000;
    const records: LogRecord[] = [];
    const note = (step: number, values: (readonly [string, number | null | undefined])[]): void => {
      const known = values.filter((entry): entry is [string, number] => entry[1] != null && Number.isFinite(entry[1]));
      const at = curves.step.findLastIndex((one) => one <= step);
      if (known.length > 0) records.push({ step, time: started + (curves.seconds[at] ?? 0), values: new Map(known) });
    };
    for (; this.#steps < curves.step.length; this.#steps++) {
      const i = this.#steps;
      note(curves.step[i], [
        ['train/loss', curves.loss[i]],
        ['train/grad_norm', curves.gradientNorm[i]],
        ...ratesAt(results, i).map(([name, rate]): [string, number] => [`train/${name}`, rate]),
      ]);
    }
    for (; this.#validations < validation.length; this.#validations++) {
      const { step, loss } = validation[this.#validations];
      note(step, [['eval/loss', loss]]);
    }
    for (const [name, round, value] of measuredIn(results)) {
      const key = `${round} ${name}`;
      if (this.#measured.has(key)) continue;
      this.#measured.add(key);
      note(lastStepOf(results, round), [[name, value]]);
    }
    return records;
  }
}

/**
 * The learning rates of a step: `learning_rate` of adapters, and that of full-rank weights by its own name. Results do not
 * say by what a method multiplied them to compensate for its space: then only the factor of the schedule is known.
 */
function ratesAt({ settings: { method }, curves }: Results, i: number): [name: string, rate: number][] {
  const values = method as unknown as Record<string, unknown>;
  if (values.taskRates === 'compensated') return [['schedule_factor', curves.rate?.[i] ?? 1]];
  return Object.keys(methodOf(method).settings).flatMap((name): [string, number][] => {
    if (name !== 'learningRate' && name !== 'galoreLearningRate') return [];
    const rate = Number(values[name]) * (curves.rate?.[i] ?? 1);
    return [[name === 'learningRate' ? 'learning_rate' : 'full_rank_learning_rate', rate]];
  });
}

/** The last step of a round that has ended, or of those before it. */
const lastStepOf = ({ curves }: Results, round: number): number =>
  curves.step[curves.round.findLastIndex((one) => one <= round)] ?? 0;

/** Yields the measurements of the model after rounds: tests by every score of a task, general text, questions. */
function* measuredIn(results: Results): Generator<[name: string, round: number, value: number]> {
  const { tasks, accuracy, probes } = results;
  for (const score of SCORES) {
    for (const [round, row] of (accuracy[score] ?? []).entries()) {
      for (const [j, value] of row.entries()) {
        if (value !== null) yield [`test/${tasks[j].name}/${score}`, round, value];
      }
    }
  }
  for (const { round, loss } of generalTextStates(results)) yield ['general_text/loss', round, loss];
  for (const { round, right } of probes?.commonQuestions?.rounds ?? []) {
    yield ['common_questions/right', round, right.filter(Boolean).length];
  }
  for (const { name, rounds } of probes?.own ?? []) {
    for (const { round, value } of rounds) yield [`probe/${name}`, round, value];
  }
}

/** All files of a run. */
export function logFiles(results: Results): OutputFile[] {
  const records = new RunLog().next(results).sort((a, b) => a.step - b.step);
  const columns = logColumns(results);
  return [
    { path: eventFileName(results), content: () => asPieces(eventFileHead(results), ...records.map(eventOf)) },
    textFile(LOG_FILE, () => csvLine(columns) + records.map((record) => csvRow(columns, record)).join('')),
    ...tableFiles(results),
  ];
}

/** Names of those that are written once a run has ended. */
export const TABLE_FILES = ['trainer_state.json', 'eval_results.csv'] as const;

/** Those that are written once a run has ended. */
export const tableFiles = (results: Results): OutputFile[] => [
  textFile(TABLE_FILES[0], () => `${JSON.stringify(trainerState(results), null, 2)}\n`),
  textFile(TABLE_FILES[1], () => evaluationTable(results)),
];

export const LOG_FILE = 'log.csv';

/** The columns of the wide CSV: `step`, as Trackio's `import_csv` wants it, `timestamp`, and all that may be measured. */
export function logColumns(results: Results): string[] {
  const { tasks, validation, probes } = results;
  const tests = SCORES.flatMap((score) =>
    tasks.filter((task) => isScoredBy(task, score)).map(({ name }) => `test/${name}/${score}`),
  );
  const rates = ratesAt(results, 0).map(([name]) => `train/${name}`);
  const holdsOut = validation !== undefined || results.settings.training.validationExamples > 0;
  return [
    ...['step', 'timestamp', 'train/loss', 'train/grad_norm', ...rates],
    ...(holdsOut ? ['eval/loss'] : []),
    ...tests,
    ...(results.settings.training.generalText !== 'none' || probes?.generalText ? ['general_text/loss'] : []),
    ...(results.settings.training.commonQuestions !== 'none' ? ['common_questions/right'] : []),
    ...(probes?.own ?? []).map(({ name }) => `probe/${name}`),
  ];
}

/** A record as a line of the wide CSV; what was not measured then is empty. */
export function csvRow(columns: readonly string[], { step, time, values }: LogRecord): string {
  const fixed: Record<string, Cell> = { step, timestamp: new Date(1000 * time).toISOString() };
  return csvLine(columns.map((name) => fixed[name] ?? values.get(name) ?? null));
}

/** A table of tests as Avalanche's `CSVLogger` writes it: experiences count from 0, accuracies are shares. */
function evaluationTable({ settings, tasks, accuracy }: Results): string {
  const lines = [csvLine(['eval_exp', 'training_exp', 'eval_accuracy', 'eval_loss', 'forgetting'])];
  for (const { round } of namedRounds(settings)) {
    for (const [j, task] of tasks.entries()) {
      const score = mainScore(task);
      const value = accuracy[score]?.[round]?.[j] ?? null;
      if (value === null || j >= settings.order.length) continue;
      const share = isShare(score) || score === 'rougeL';
      const learned = roundOf(settings, j);
      const then = accuracy[score]?.[learned]?.[j] ?? null;
      // Of a loss, less is better.
      const lost = then === null || round <= learned ? null : (then - value) * (share ? 1 : -1);
      lines.push(csvLine([j, round - 1, share ? value : null, accuracy.loss?.[round]?.[j] ?? null, lost]));
    }
  }
  return lines.join('');
}

/** The state of transformers' Trainer (`TrainerState`) at the end of a run; its epochs count over all tasks. */
function trainerState(results: Results): Record<string, unknown> {
  const { settings, curves, validation = [], endedByLoss = [], cutShort = [] } = results;
  const { training } = settings;
  const early = [...endedByLoss, ...cutShort];
  const rounds = namedRounds(settings).map(({ round, name }) => {
    const steps = curves.round.filter((one) => one === round).length;
    const { planned = steps } = early.find((one) => one.round === round) ?? {};
    return { steps, epochs: steps === 0 ? 0 : (epochsOf(settings, [name]) * steps) / planned };
  });
  const epochAt = (step: number): number => {
    let [before, epochs] = [0, 0];
    for (const { steps, epochs: own } of rounds) {
      if (step <= before + steps) return epochs + (own * (step - before)) / steps;
      [before, epochs] = [before + steps, epochs + own];
    }
    return epochs;
  };
  const trained = curves.step.map((step, i) => ({
    epoch: epochAt(step),
    grad_norm: curves.gradientNorm[i],
    ...Object.fromEntries(ratesAt(results, i)),
    loss: curves.loss[i],
    step,
  }));
  const validated = validation.map(({ step, loss }) => ({ epoch: epochAt(step), eval_loss: loss, step }));
  const best = endedByLoss.at(-1)?.step ?? null;
  const last = curves.step.at(-1) ?? 0;
  return {
    best_global_step: best,
    best_metric: validation.find(({ step }) => step === best)?.loss ?? null,
    best_model_checkpoint: null,
    epoch: epochAt(last),
    eval_steps: training.validationSteps,
    global_step: last,
    is_hyper_param_search: false,
    is_local_process_zero: true,
    is_world_process_zero: true,
    log_history: [...trained, ...validated].sort((a, b) => a.step - b.step),
    logging_steps: 1,
    max_steps: last,
    num_input_tokens_seen: 0,
    num_train_epochs: rounds.reduce((sum, { epochs }) => sum + epochs, 0),
    save_steps: 500,
    stateful_callbacks: {},
    total_flos: 0,
    train_batch_size: training.batchTokens > 0 ? null : training.batchSize,
    trial_name: null,
    trial_params: null,
  };
}

/** The name of a run's event file: TensorBoard reads all `events.out.tfevents.*` of a folder. */
export const eventFileName = ({ startedAt, id }: Pick<Results, 'startedAt' | 'id'>): string =>
  `${EVENT_FILES}.${Math.floor(Date.parse(startedAt) / 1000)}.${id ?? 'run'}.gorp-web`;
export const EVENT_FILES = 'events.out.tfevents';

/** The first record of an event file, which names its version (`tensorflow.Event`, field 3). */
export const eventFileHead = ({ startedAt }: Pick<Results, 'startedAt'>): Uint8Array<ArrayBuffer> =>
  framed([...double(1, Date.parse(startedAt) / 1000), ...bytesField(3, utf8('brain.Event:2'))]);

/** Values as a record of an event file: `Event { wall_time = 1, step = 2, summary = 5 { value = 1 { tag, simple_value } } }`. */
export function eventOf({ step, time, values }: LogRecord): Uint8Array<ArrayBuffer> {
  const summary = [...values].flatMap(([tag, value]) =>
    bytesField(1, [...bytesField(1, utf8(tag)), ...float(2, value)]),
  );
  return framed([...double(1, time), 2 << 3, ...varint(step), ...bytesField(5, summary)]);
}

const utf8 = (text: string): number[] => [...new TextEncoder().encode(text)];

function varint(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return [...bytes, rest];
    bytes.push((rest % 128) + 128);
  }
}

const bytesField = (field: number, bytes: readonly number[]): number[] => [
  (field << 3) | 2,
  ...varint(bytes.length),
  ...bytes,
];
const double = (field: number, value: number): number[] => [
  (field << 3) | 1,
  ...new Uint8Array(Float64Array.of(value).buffer),
];
const float = (field: number, value: number): number[] => [
  (field << 3) | 5,
  ...new Uint8Array(Float32Array.of(value).buffer),
];

/** A record of the TFRecord format: its length, the length's checksum, the record, and its checksum. */
function framed(record: readonly number[]): Uint8Array<ArrayBuffer> {
  const framed = new Uint8Array(record.length + 16);
  const view = new DataView(framed.buffer);
  view.setUint32(0, record.length, true); // of eight bytes; records are short
  view.setUint32(8, maskedCrc(framed.subarray(0, 8)), true);
  framed.set(record, 12);
  view.setUint32(12 + record.length, maskedCrc(framed.subarray(12, 12 + record.length)), true);
  return framed;
}

/** CRC-32C (Castagnoli), rotated and shifted as TFRecord asks. */
function maskedCrc(bytes: Uint8Array): number {
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
  }
  crc = ~crc;
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}
