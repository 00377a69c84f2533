import { formatBytes } from '../base/units.ts';
import type { DeviceReason } from '../base/device-choice.ts';
import { isEnd, type RunEvent } from '../run/events/events.ts';
import { limitsOf, roughly, secondsFor, type Speed } from '../run/planning/duration.ts';
import { type GeneralTextState, generalTextStates } from '../run/results/known-before.ts';
import type { DeviceReport, Results, TestTime } from '../run/results/results.ts';
import { isTested } from '../run/results/measures.ts';
import { type Score, SCORES } from '../tasks/forms.ts';
import { spell, type Terminal } from './terminal.ts';

type Progress = Extract<RunEvent, { type: 'progress' }>;

/**
 * Reports a running run: on a terminal in one line that is overwritten, else in a line for everything that has ended.
 * With `--json` every event is a line of JSON, the last with the results.
 *
 * @param options `label` precedes each line when several runs share the terminal, and `before` each test of the model as
 *   it is; `speed` is the device's once known, to estimate the time of the run.
 */
export function runReporter(
  terminal: Terminal,
  {
    label = '',
    before = 'Before training: ',
    speed,
  }: { label?: string; before?: string; speed?: () => Speed | undefined } = {},
): (event: RunEvent, results: Results | null) => void {
  let loss = '';
  let tasks: string[] = [];
  let round = 0;
  let rightBefore = 0;
  const note = (text: string): void => terminal.note(label + text);
  const noteTest = (round: number, task: number, scores: Scores, speed = ''): void => {
    const after = round === 0 ? before : `After task ${round}: `;
    note(`${after}${tasks[task]} ${scoresText(scores)}${speed}`);
  };
  return (event, results) => {
    terminal.event(isEnd(event) ? { ...event, results } : event);
    switch (event.type) {
      case 'device': {
        note(deviceText(event.device));
        break;
      }
      case 'begin': {
        if (event.results.tasks.length === 0) break; // it stops before it knows them
        const { model, accuracy } = event.results;
        const [parameters, trainable] = [model.parameters, model.trainable].map((count) => count / 1e6);
        tasks = event.results.tasks.map((task) => task.name);
        rightBefore = rightBeforeTraining(event.results);
        note(`Model: ${model.name}, ${parameters.toFixed(1)} M parameters, ${trainable.toFixed(2)} M trained`);
        accuracy.exact.forEach((row, round) =>
          row.forEach((_, task) => {
            if (!isTested(accuracy, round, task)) return;
            const scores = SCORES.map((score) => [score, accuracy[score]?.[round]?.[task] ?? null]);
            noteTest(round, task, Object.fromEntries(scores) as Scores);
          }),
        );
        break;
      }
      case 'reading': {
        const label = event.tokens.flatMap(({ text, isLabel }) => (isLabel ? [text] : [])).join('');
        note(
          `Reads: ${event.tokens.length} tokens for the first example of ${event.task}; its label is ${JSON.stringify(label)}`,
        );
        break;
      }
      case 'memory-plan': {
        const measured = speed?.();
        note(`Memory: ${formatBytes(event.plan.total)} at most, while ${event.plan.moment}`);
        if (measured) note(`Time: ${planned(secondsFor(event.work, measured))}`);
        break;
      }
      case 'progress':
        if (event.phase === 'train' && event.round !== round) {
          round = event.round;
          note(`Task ${round}: learning ${event.item}, ${event.total} steps`);
        }
        terminal.live(`${label}${progressText(event)}${event.phase === 'train' ? loss : ''}${timeLeftText(event)}`);
        break;
      case 'cut-short':
        note(`Task ${event.round} ends after ${event.steps} of ${event.planned} steps`);
        break;
      case 'ended-by-loss':
        note(
          `Task ${event.round} takes the weights of step ${event.step}, after ${event.steps} of ${event.planned} steps`,
        );
        break;
      case 'steps': {
        const last = event.losses.at(-1);
        loss = last === undefined ? '' : `, loss ${last.toFixed(4)}, ${Math.round(event.tokensPerSecond)} tokens/s`;
        break;
      }
      case 'validation':
        note(`Step ${event.step}: loss ${event.loss.toFixed(4)} on held-out examples`);
        break;
      case 'evaluation':
        noteTest(event.round, event.task, event, testSpeed(event.time));
        break;
      case 'probe': {
        const { round } = event.measured;
        const after = round === 0 ? before : `After task ${round}: `;
        if (event.probe === 'generalText') {
          const [state] = generalTextStates({ probes: { generalText: { ...event.about, rounds: [event.measured] } } });
          note(`${after}general text ${state === undefined ? 'no finite loss' : generalTextNumbers(state)}`);
          break;
        }
        if (event.probe === 'own') {
          note(`${after}${event.about.title}: ${Number(event.measured.value.toPrecision(5))}`);
          break;
        }
        const { about, measured } = event;
        const { right } = measured;
        const still = right.filter(Boolean).length;
        if (round === 0) rightBefore = still;
        const of = round === 0 ? `${about.questions.length}` : `the ${rightBefore} answered rightly before`;
        note(`${after}questions of common knowledge: ${still} of ${of}`);
        break;
      }
      case 'stopping': {
        const left = event.secondsLeft === null ? '' : `, about ${spell(event.secondsLeft)}`;
        terminal.live(`${label}Stopping where nothing is lost${left}. Ctrl-C once more ends at once.`);
        break;
      }
      case 'recovering':
        note(`Recovering: ${event.error.message} The run resumes from step ${event.step}.`);
        break;
      case 'warning':
        note(`Warning: ${event.message}`);
        break;
      case 'space':
      case 'memory':
      case 'label':
      case 'paused':
      case 'resumed':
      case 'finished':
      case 'stopped':
      case 'failed':
        break;
    }
  };
}

/** Questions of common knowledge that were answered rightly before training. */
const rightBeforeTraining = ({ probes }: Results): number =>
  probes?.commonQuestions?.rounds.find(({ round }) => round === 0)?.right.filter(Boolean).length ?? 0;

const REASONS: Readonly<Record<DeviceReason, string>> = {
  asked: 'as requested',
  hardware: 'a graphics card is available',
  'no-webgpu': 'no WebGPU',
  'no-adapter': 'no graphics card was found',
  'software-adapter': 'the only graphics adapter is software, which is slower',
};

/** `Device: CPU by WebAssembly, SIMD, 2 threads (no graphics card was found)`. */
function deviceText({ kind, why, vendor, architecture, description, software }: DeviceReport): string {
  const name = description || `${vendor} ${architecture}`;
  const slow = kind === 'webgpu' && software ? '; a software adapter: slow' : '';
  return `Device: ${name} (${REASONS[why]}${slow})`;
}

type Scores = Partial<Record<Score, number | null>>;

/** `exact 71.2 %, ranked 80.0 %`, or `ROUGE-L 31.2 %, exact 4.0 %, loss 2.31 per token`. */
function scoresText({ exact = null, ranked = null, rougeL = null, loss = null }: Scores): string {
  const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
  const parts = [
    ...(rougeL === null ? [] : [`ROUGE-L ${percent(rougeL)}`]),
    ...(exact === null ? [] : [`exact ${percent(exact)}`]),
    ...(ranked === null ? [] : [`ranked ${percent(ranked)}`]),
    ...(loss === null ? [] : [`loss ${loss.toFixed(3)} per token`]),
    ...(loss !== null && exact === null ? [`perplexity ${Math.exp(loss).toPrecision(4)}`] : []),
  ];
  return parts.length === 0 ? 'no finite loss' : parts.join(', ');
}

/** `loss 3.260 per token, 1.004 bits per byte, KL 0.0412 per token, 0.512 on answers to test prompts`. */
function generalTextNumbers({ round, loss, bitsPerByte, divergence, promptDivergence }: GeneralTextState): string {
  const parts = [
    `loss ${loss.toFixed(3)} per token, ${bitsPerByte.toFixed(3)} bits per byte`,
    ...(round > 0 && divergence !== null ? [`KL ${divergence.toPrecision(3)} per token`] : []),
    ...(round > 0 && promptDivergence !== null
      ? [`${promptDivergence.toPrecision(3)} on answers to test prompts`]
      : []),
  ];
  return parts.join(', ');
}

/** `; 5210 tokens/s read, 480 written`. */
function testSpeed(time: TestTime): string {
  if (time.promptSeconds === 0) return `; ${Math.round(time.answerTokens / time.answerSeconds)} tokens/s`;
  const [read, written] = [time.promptTokens / time.promptSeconds, time.answerTokens / time.answerSeconds];
  return `; ${Math.round(read)} tokens/s read, ${Math.round(written)} written`;
}

const DOING: Record<Progress['phase'], string> = {
  device: 'Opening',
  kernels: 'Measuring',
  weights: 'Loading',
  tasks: 'Reading',
  tokenize: 'Tokenizing',
  compile: 'Preparing',
  evaluate: 'Testing on',
  train: 'Learning',
  space: 'Building the space of',
  answers: 'Answering',
  save: 'Saving',
  checkpoint: 'Saving a checkpoint at',
};

function progressText({ phase, item, done, total, unit }: Progress): string {
  if (total === 0) return `${DOING[phase]} ${item}`;
  const count = unit === 'bytes' ? `${formatBytes(done)} of ${formatBytes(total)}` : `${done} of ${total}`;
  return `${DOING[phase]} ${item}: ${count}`;
}

const timeLeftText = ({ timeLeft }: Progress): string =>
  timeLeft === null ? '' : `, ${roughly(timeLeft.seconds, [timeLeft.least, timeLeft.most])} left`;

const planned = (seconds: number): string => roughly(seconds, limitsOf(seconds, false));
