import type { Learner } from '../gorp/learner.ts';
import type { Gpu } from '../gpu/device.ts';
import { submit } from '../gpu/program.ts';
import { readBytes } from '../gpu/readback.ts';
import type { Compiled } from '../graph/compile.ts';
import { sizeOf, type Tensor } from '../graph/tensor.ts';
import type { Network } from '../models/network.ts';
import { evaluationOrder, sizedBatch } from '../tasks/batches.ts';
import { type Score, scoreOf } from '../text/scores.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import { type EvaluationPrograms, Evaluations } from './evaluation-programs.ts';
import type { EncodedTask } from './task-data.ts';
import type { TestTime } from './results.ts';
import type { TrainingSettings } from './settings.ts';

/** Accuracy of a task, both ways: the share of right answers. */
export interface Accuracy {
  /** The generated text equals the label (METHOD.md section 6). */
  exact: number;
  /** The label is the most likely of the task's own labels. */
  ranked: number;
  examples: number;
}

/** What the model answered to one example. */
export interface Answer extends Score {
  text: string;
  /** Tokens written, the end-of-text token among them. */
  generated: number;
  /** −log p of the right label: summed up over its tokens, and their number. */
  loss: number;
  labelTokens: number;
}

const NO_TIME: TestTime = { promptTokens: 0, promptSeconds: 0, answerTokens: 0, answerSeconds: 0 };

/**
 * Measures a model as it is now: greedy generation and ranking of the task's labels, a whole batch at a time. Sources
 * are encoded once for both.
 */
export class Evaluator {
  readonly #programs: Evaluations;

  /** @param now a clock in milliseconds. */
  constructor(
    private readonly gpu: Gpu,
    private readonly network: Network,
    learner: Learner,
    private readonly tokenizer: Tokenizer,
    private readonly settings: TrainingSettings,
    private readonly now: () => number,
  ) {
    this.#programs = new Evaluations(gpu, network, learner.layers, settings.targetLength + 1);
  }

  /**
   * @param onBatch called behind every batch with the number of examples done; it may throw to stop.
   * @returns the accuracy, the answers in the order of the task's test examples, and the time it took.
   * @throws GorpError `gpu/device-lost`.
   */
  async evaluate(
    task: EncodedTask,
    onBatch: (done: number) => Promise<void>,
  ): Promise<{ accuracy: Accuracy; answers: Answer[]; time: TestTime }> {
    const { sourceLength, targetLength, evaluationBatchSize } = this.settings;
    const batchSize = Math.min(evaluationBatchSize, task.test.length);
    const T = Math.max(...task.candidates.map((ids) => ids.length));
    const answers: Answer[] = [];
    const time = { ...NO_TIME };
    let ranked = 0;
    let done = 0;
    for (const indexes of evaluationOrder(task.test, batchSize)) {
      const { sizes, rows } = sizedBatch(task.test, indexes, { batchSize, sourceLength, targetLength });
      const programs = await this.#programs.of({ B: batchSize, S: sizes.S, candidates: task.candidates.length, T });
      programs.generation.start(rows.map(({ source }) => source));
      programs.candidates.write(task.candidates);
      const began = this.now();
      submit(this.gpu, programs.prefill.program);
      await this.#read(programs.step, programs.generation.state.remaining, Uint32Array); // the prompts have been read
      time.promptSeconds += (this.now() - began) / 1000;
      submit(this.gpu, programs.rank.program);
      const losses = await this.#read(programs.rank, programs.losses, Float32Array);
      const ranks = this.now();
      const tokens = await this.#generate(programs);
      time.answerSeconds += (this.now() - ranks) / 1000;
      time.promptTokens += rows.reduce((sum, { source }) => sum + source.length, 0);
      indexes.forEach((example, row) => {
        const label = task.testLabels[example];
        const { text, generated } = this.#answer(tokens, row, programs.generation.state.tokens.shape[1]);
        time.answerTokens += generated;
        const summed = summedLosses(losses, row, task.candidates.length, T);
        const right = task.labels.indexOf(label);
        if (summed.indexOf(Math.min(...summed)) === right) ranked++;
        const labelTokens = task.candidates[right].length;
        answers[example] = { ...scoreOf(text, label), text, generated, loss: summed[right], labelTokens };
      });
      done += indexes.length;
      await onBatch(done);
    }
    const exact = answers.filter(({ exactMatch }) => exactMatch).length;
    return { accuracy: { exact: exact / done, ranked: ranked / done, examples: done }, answers, time };
  }

  /** Replays the decoding step until every row has ended. @returns tokens [B, capacity]. */
  async #generate({ generation: { state }, step }: EvaluationPrograms): Promise<Uint32Array> {
    const capacity = state.tokens.shape[1];
    let chunk = 2; // most answers are one word and the end; the rest is looked for in growing strides
    for (let done = 0; done < capacity - 1;) {
      const steps = Math.min(chunk, capacity - 1 - done);
      submit(this.gpu, ...new Array<typeof step.program>(steps).fill(step.program));
      done += steps;
      chunk *= 2;
      const remaining = await this.#read(step, state.remaining, Uint32Array);
      if (remaining[0] === 0) break;
    }
    return this.#read(step, state.tokens, Uint32Array);
  }

  #answer(tokens: Uint32Array, row: number, capacity: number): { text: string; generated: number } {
    const ids = Array.from(tokens.subarray(row * capacity + 1, (row + 1) * capacity));
    const end = ids.findIndex((id) => this.network.tokens.endIds.includes(id));
    const generated = end < 0 ? ids.length : end + 1;
    return { text: this.tokenizer.decode(end < 0 ? ids : ids.slice(0, end)), generated };
  }

  async #read<T>(
    compiled: Compiled,
    tensor: Tensor,
    type: new (b: ArrayBuffer, o: number, n: number) => T,
  ): Promise<T> {
    return new type(await readBytes(this.gpu, compiled.rangeOf(tensor)), 0, sizeOf(tensor.shape));
  }

  /** Frees programs and buffers. An evaluator serves one state of the adapters' shapes: make a new one each round. */
  destroy(): void {
    this.#programs.destroy();
  }
}

/** −log p of each candidate of a row. losses [B, candidates, T]. */
function summedLosses(losses: Float32Array, row: number, candidates: number, T: number): number[] {
  return Array.from({ length: candidates }, (_, c) => {
    let sum = 0;
    for (let t = 0; t < T; t++) sum += losses[(row * candidates + c) * T + t];
    return sum;
  });
}
