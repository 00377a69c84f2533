import type { Results } from '../run/results.ts';
import { IDLE, type RunState, type StepChunk } from './run-state.ts';

/** The state of a run from its results file, as its events would have produced it. */
export function openedRun(results: Results): RunState {
  const { status, error, settings, device, tasks, model, accuracy, spaces, health, memory, testTime } = results;
  const curve = chunksOf(results.curves);
  const stepsPerRound = tasks.map((_, i) =>
    curve.filter(({ round }) => round === i + 1).reduce((sum, { steps }) => sum + steps.length, 0),
  );
  const examples = accuracy.exact.map((row) =>
    row.map((cell, task) => (cell === null ? null : tasks[task].testExamples)),
  );
  return {
    ...IDLE,
    status,
    settings,
    device,
    plan: { type: 'plan', tasks, stepsPerRound, model },
    // The file does not say how many steps an interrupted round would have had, so only the completed steps count.
    progress: {
      type: 'progress',
      phase: 'evaluate',
      round: curve.at(-1)?.round ?? 0,
      item: '',
      done: 0,
      total: 0,
      unit: 'items',
      secondsLeft: null,
    },
    curve,
    testSpeed: testTime
      ? {
          prompts: rate(testTime.promptTokens, testTime.promptSeconds),
          answers: rate(testTime.answerTokens, testTime.answerSeconds),
        }
      : null,
    exact: accuracy.exact,
    ranked: accuracy.ranked,
    examples,
    spaces,
    layerSamples: health,
    memory: { type: 'memory', liveBytes: 0, peakBytes: memory.peakBytes, liveBuffers: memory.liveBuffersAtEnd },
    results,
    error,
  };
}

const rate = (tokens: number, seconds: number): number => (seconds > 0 ? tokens / seconds : 0);

/** The curves as one chunk per round. */
function chunksOf({ round, step, loss, gradientNorm }: Results['curves']): StepChunk[] {
  const chunks: StepChunk[] = [];
  let start = 0;
  for (let i = 1; i <= round.length; i++) {
    if (round[i] === round[start]) continue;
    chunks.push({
      round: round[start],
      steps: step.slice(start, i),
      losses: loss.slice(start, i),
      gradientNorms: gradientNorm.slice(start, i),
    });
    start = i;
  }
  return chunks;
}
