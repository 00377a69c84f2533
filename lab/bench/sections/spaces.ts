import { llama, t5, TODAY } from '../../../src/run/models/published-models.ts';
import { inSteps, MOST_STEPS, type SpaceSubject, timeTasks } from '../../../src/bench/space-costs.ts';
import { digits, markdownTable } from '../../../src/base/markdown.ts';
import type { Section } from '../bench.ts';

/** 8 × 128 tokens a step: T5 reads prompts of 128; a decoder reads the answer after the prompt, without its last token. */
const OF_T5 = { prompt: 128, answer: 8 };
const OF_DECODER = { prompt: 121, answer: 8 };

/**
 * Some layers of a published model, with their share of its vocabulary. At least two: the last reads nothing after its
 * own inputs, so one alone would tell little of what a sample takes.
 */
function layersOf(
  model: string,
  config: Readonly<Record<string, unknown>>,
  layers: number,
): {
  name: string;
  config: SpaceSubject['config'];
} {
  const key = 'num_layers' in config ? 'num_layers' : 'num_hidden_layers';
  const all = Number(config[key]);
  const vocab_size = Math.round((Number(config.vocab_size) * layers) / all);
  return { name: `${model}, ${layers} of ${all} layers`, config: { ...config, [key]: layers, vocab_size } };
}

const untied = { tie_word_embeddings: false };
const SUBJECTS: readonly SpaceSubject[] = [
  { ...layersOf('SmolLM2-135M', TODAY['SmolLM2-135M'], 4), width: 576, ...OF_DECODER, tasks: 8 },
  { ...layersOf('T5-large', t5(1024, 4096, 24, 16), 4), width: 1024, ...OF_T5, tasks: 3 },
  {
    ...layersOf('TinyLlama-1.1B', { ...llama(2048, 5632, 22, 32, 4), ...untied }, 2),
    width: 2048,
    ...OF_DECODER,
    tasks: 3,
  },
  {
    ...layersOf('LLaMA-2-7B', { ...llama(4096, 11008, 32, 32, 32), ...untied }, 2),
    width: 4096,
    ...OF_DECODER,
    tasks: 2,
  },
];
const THREADS = 2;

/** The time and memory of spaces of inputs between tasks and in steps, on the CPU, with random weights. */
export const spacesSection: Section = async (place, { rounds, quick, model = '' }) => {
  const numbers = [];
  const rows: string[][] = [];
  for (const subject of SUBJECTS.filter(({ name }) => name.includes(model))) {
    const device = await place.acquireCpu({ threads: THREADS });
    try {
      const scope = { tasks: quick ? 2 : subject.tasks, steps: Math.min(rounds, MOST_STEPS) };
      const found = await timeTasks(place.clock, device, subject, scope);
      const [cpu, wall] = [inSteps(found, 'cpu'), inSteps(found, 'wall')];
      numbers.push({ subject, scope, found, cpu, wall, peakBytes: device.buffers.peakBytes });
      for (const [i, { step, beginning, reading, building }] of found.tasks.entries()) {
        rows.push([
          ...[`${subject.width} (${subject.name})`, String(i + 1)],
          ...[step, beginning, reading, building].map(({ cpu, wall }) => digits((cpu ?? wall) / 1e3)),
          ...[cpu[i].between, wall[i].between, cpu[i].step, wall[i].step].map(digits),
        ]);
      }
    } finally {
      await device.destroy();
    }
  }
  const head = ['width', 'task', 'a step', 'beginning', 'reading', 'building'];
  const ratios = ['end and next beginning, in steps', 'wall', 'step ÷ first task', 'wall'];
  return {
    numbers,
    text: `CPU seconds, ${THREADS} threads; steps with new bases left out.\n\n${markdownTable([...head, ...ratios], rows)}`,
  };
};
