import { markdownCode, markdownText } from '../../base/markdown.ts';
import { textFile, type OutputFile } from '../../weights/exports/output-file.ts';
import { embeddedModel } from '../../weights/embedded-models.ts';
import type { ModelTexts } from '../../weights/model-folder.ts';
import { parseModelReference } from '../../weights/model-reference.ts';
import {
  generalTextChange,
  generalTextSentence,
  generalTextStates,
  keptQuestions,
  keptSentence,
} from '../results/known-before.ts';
import { isLearnedBy } from '../results/accuracy-table.ts';
import { firstRounds, isTested, measuresOf } from '../results/measures.ts';
import type { Results } from '../results/results.ts';
import { mainScore, type Score } from '../../tasks/forms.ts';
import type { SavedRound } from './saved-round.ts';
import { methodTitle } from '../../methods/registry.ts';
import { namedRounds, roundName, roundOf } from '../settings/schedule.ts';

/** The form of a saved model: an adapter, PEFT's or llama.cpp's, or the whole model in a format. */
export type SavedAs = 'adapter' | 'gguf-adapter' | 'safetensors' | 'onnx' | 'gguf';
const isAdapter = (savedAs: SavedAs): boolean => savedAs === 'adapter' || savedAs === 'gguf-adapter';

/** The base model as another program would name it: a repository of the hub, an address, or a folder's name. */
export function baseName(model: string): string {
  const reference = parseModelReference(model);
  if (reference?.kind === 'hub') return reference.repository;
  if (reference?.kind === 'picked') return reference.name;
  return embeddedModel(model)?.name ?? model;
}

/** The licence of a base model: known for those that come with the app, else as its card says. */
export const licenceOfBase = async (model: string, base: Pick<ModelTexts, 'licence'>): Promise<string | null> =>
  embeddedModel(model)?.licence ?? base.licence();

const LIBRARY: Readonly<Record<SavedAs, string>> = {
  adapter: 'peft',
  'gguf-adapter': 'gguf',
  safetensors: 'transformers',
  onnx: 'transformers.js',
  gguf: 'gguf',
};

/**
 * README.md of an export, with the header that the hub reads: the base and its licence, tasks, method, results.
 *
 * @param results of the run, after the round.
 * @param licence of the base model; null if it is not known.
 * @param more Markdown after it.
 */
export function modelCard(results: Results, licence: string | null, savedAs: SavedAs, more = ''): OutputFile {
  return textFile('README.md', () => `${header(results, licence, savedAs)}\n${body(results, licence, savedAs)}${more}`);
}

/** The card of a model that was exported after a round. */
export const cardOf = async (
  { results }: Pick<SavedRound, 'results'>,
  base: Pick<ModelTexts, 'licence'>,
  savedAs: SavedAs,
  more = '',
): Promise<OutputFile> => modelCard(results, await licenceOfBase(results.settings.model, base), savedAs, more);

/** YAML. */
function header(results: Results, licence: string | null, savedAs: SavedAs): string {
  const { settings } = results;
  const isOnHub = parseModelReference(settings.model)?.kind === 'hub';
  const lines = [
    ...(licence === null ? [] : [`license: ${yamlText(licence)}`]),
    ...(isOnHub
      ? [
          `base_model: ${yamlText(baseName(settings.model))}`,
          `base_model_relation: ${isAdapter(savedAs) ? 'adapter' : 'finetune'}`,
        ]
      : []),
    `library_name: ${LIBRARY[savedAs]}`,
    'tags:',
    ...['gorp-web', 'continual-learning', settings.method.name].map((tag) => `- ${tag}`),
    ...modelIndex(results),
  ];
  return ['---', ...lines, '---', ''].join('\n');
}

/** Whether some task of the order was tested after a round. */
const measuredAfter = ({ settings, accuracy }: Results, round: number): boolean =>
  settings.order.some((_, j) => isTested(accuracy, round, j));

/**
 * Returns the lines that the hub shows beside a model: averages over the tasks by each of their scores, and what it
 * knows still.
 */
function modelIndex(results: Results): string[] {
  const { settings, tasks, measures } = results;
  const metrics: [type: string, name: string, value: number | null | undefined][] = [];
  for (const [score, type, words] of [
    ['exact', 'exact_match', 'exact match'],
    ['rougeL', 'rouge', 'ROUGE-L'],
    ['loss', 'loss', 'loss per token'],
  ] as const) {
    if (!isLearnedBy(score, tasks)) continue;
    const { averagePerformanceCurve = [], backwardTransfer } = measures[score] ?? {};
    const learned = averagePerformanceCurve.findLast((value) => value !== null);
    metrics.push([type, `Average performance (AP), ${words}`, learned]);
    metrics.push([type, `Backward transfer (BWT), ${words}`, backwardTransfer]);
  }
  metrics.push(['loss', 'General text, nats per token', generalTextStates(results).at(-1)?.loss]);
  const kept = keptQuestions(results).at(-1);
  if (kept)
    metrics.push(['accuracy', 'Common questions still answered rightly', kept.still / Math.max(1, kept.before)]);
  const known = metrics.filter(([, , value]) => value != null && Number.isFinite(value));
  if (known.length === 0) return [];
  const name = settings.order.filter((_, j) => measuredAfter(results, roundOf(settings, j))).join(', ');
  return [
    'model-index:',
    `- name: ${yamlText(name)}`,
    '  results:',
    '  - task:',
    '      type: text-generation',
    '    dataset:',
    `      name: ${yamlText(name)}`,
    '      type: continual-learning',
    '    metrics:',
    ...known.flatMap(([type, name, value]) => [
      `    - type: ${type}`,
      `      name: ${yamlText(name)}`,
      `      value: ${value}`,
    ]),
  ];
}

function body(results: Results, licence: string | null, savedAs: SavedAs): string {
  const { settings, model, code, startedAt, accuracy } = results;
  // Without the name of the model, which may be a path of the machine.
  const { method, order, training, perTask } = settings;
  const rounds = namedRounds(settings).filter(({ round }) => measuredAfter(results, round));
  const last = rounds.at(-1)?.round ?? 0;
  const learned = settings.order
    .map((name, j) => ({ name, j, own: roundOf(settings, j) }))
    .filter(({ own }) => own <= last);
  const base = markdownText(baseName(settings.model));
  const commit = model.commit === null ? '' : `, commit ${markdownCode(model.commit)}`;
  const task = (name: string, j: number, own: number): string => {
    const about = results.tasks[j];
    const score = mainScore(about);
    const counts = [about.trainExamples, about.testExamples];
    const [then, now] = [own, last].map((round) => valueText(score, accuracy[score]?.[round]?.[j]));
    return `| ${[markdownText(name), SCORE_TEXTS[score], ...counts, then, now].join(' | ')} |`;
  };
  const cutShort = (results.cutShort ?? [])
    .map(
      ({ round, steps, planned }) =>
        `- **Ended early:** ${markdownText(roundName(settings, round))}, after ${steps} of ${planned} steps\n`,
    )
    .join('');
  const byLoss = (results.endedByLoss ?? [])
    .map(
      ({ round, step, steps, planned }) =>
        `- **Ended by its held-out loss:** ${markdownText(roundName(settings, round))}, with the weights of step ${step} of the run, after ${steps} of ${planned} steps\n`,
    )
    .join('');
  return `# ${base}, trained on ${learned.length === 1 ? '1 task' : `${learned.length} tasks`} with ${methodTitle(settings.method)}

${isAdapter(savedAs) ? 'A LoRA adapter' : 'A model'} trained on the tasks below with gorp-web, an implementation of [GORP](https://arxiv.org/abs/2507.02503) and other methods of continual learning; method \`${methodTitle(settings.method)}\`, starting ${startedAt.slice(0, 10)}.

- **Base model:** ${base}${commit}${model.weights === undefined ? '' : `, weights ${markdownCode(model.weights.slice(0, 12))}`}
- **Licence of the base model:** ${licence === null ? 'not stated in its files; see where it comes from' : markdownText(licence)}. It applies to this ${isAdapter(savedAs) ? 'adapter' : 'model'} too, as far as it says so.
- **Method:** \`${methodTitle(settings.method)}\`, seed ${settings.training.seed}, gorp-web ${markdownText(code.version)} at ${markdownText(code.commit)}
${cutShort}${byLoss}${knownText(results, last)}
## Results

Each task by its own score. Exact is the percentage of test answers that equal a right one, ROUGE-L how much they share with it, in percent; of a loss per token, less is better.

| task | score | training examples | test examples | just learned | after the last task |
| --- | --- | ---: | ---: | ---: | ---: |
${learned.map(({ name, j, own }) => task(name, j, own)).join('\n')}
${meansText(results, last)}
## Settings

\`\`\`json
${JSON.stringify({ method, order, training, perTask }, null, 2)}
\`\`\`
`;
}

/** Describes what the model still knows after a round, in lines; leaves out what was not measured. */
function knownText(results: Results, last: number): string {
  const text = generalTextChange(results, last);
  const kept = keptQuestions(results).find(({ round }) => round === last);
  return [
    ...(text?.now.round === last ? [`- **General text:** ${generalTextSentence(text)}\n`] : []),
    ...(kept === undefined ? [] : [`- **Common knowledge:** ${keptSentence(kept)}\n`]),
  ].join('');
}

const SCORE_TEXTS: Readonly<Record<Score, string>> = {
  exact: 'exact, %',
  ranked: 'ranked, %',
  rougeL: 'ROUGE-L, %',
  loss: 'loss per token',
};

/** A paragraph with the means over the tasks without a loss, which no mean with percentages can hold; or nothing. */
function meansText({ settings, accuracy, tasks }: Results, last: number): string {
  const scores = settings.order.map((_, j) => mainScore(tasks[j]));
  const columns = [...scores.keys()].filter((j) => scores[j] !== 'loss');
  const matrix = accuracy.exact.map((_, round) => scores.map((score, j) => accuracy[score]?.[round]?.[j] ?? null));
  const { averagePerformance, backwardTransfer } = measuresOf(firstRounds(matrix, last), { columns, isLoss: false });
  if (averagePerformance === null) return '';
  const over = columns.length === scores.length ? '' : ' over the tasks without a loss';
  const back = backwardTransfer === null ? '' : `, backward transfer ${signed(backwardTransfer)} points`;
  return `\nAverage performance${over} ${percent(averagePerformance)} %${back}.\n`;
}

const valueText = (score: Score, value: number | null | undefined): string =>
  score === 'loss' ? ((value ?? null)?.toFixed(3) ?? '–') : percent(value);

/** Somebody's text in YAML, in one line. JSON has more characters in texts than YAML: it takes some for line ends. */
const yamlText = (text: string): string =>
  JSON.stringify(text).replaceAll(
    /[\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff]/g,
    (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );

const percent = (share: number | null | undefined): string =>
  share === null || share === undefined ? '–' : (100 * share).toFixed(1);

const signed = (share: number): string => `${share < 0 ? '\u2212' : '+'}${Math.abs(100 * share).toFixed(1)}`;
