import gpuGlue from 'onnxruntime-web/ort-wasm-simd-threaded.asyncify.mjs?url';
import gpuBinary from 'onnxruntime-web/ort-wasm-simd-threaded.asyncify.wasm?url';
import cpuGlue from 'onnxruntime-web/ort-wasm-simd-threaded.mjs?url';
import cpuBinary from 'onnxruntime-web/ort-wasm-simd-threaded.wasm?url';
import type { DeviceChoice } from '../base/device-choice.ts';
import { GorpError } from '../base/errors.ts';
import type { TokenizerGuard } from '../base/tokenizer-config.ts';
import { versionText } from '../base/version.ts';
import { type FunctionsFor, inTurn, serve, teller } from '../base/worker-calls.ts';
import { chooseDevice } from '../device/choice.ts';
import { DTYPE_WORDS, ONNX_DTYPES } from '../onnx/dtypes.ts';
import { checkRuntimeHolds, loadedBytes } from '../onnx/model-graphs.ts';
import { graphsApart } from '../onnx/onnx-files.ts';
import type { Runtime } from '../onnx/runtime/text-model.ts';
import type { AnsweredExample } from '../run/files/predictions.ts';
import { openBaseModel } from '../run/files/saved-round.ts';
import { isDecoderOnly } from '../run/files/round-use.ts';
import { type KnownModel, readTexts } from '../run/models/open-network.ts';
import { baseOf } from '../run/results/identity.ts';
import { roundName } from '../run/settings/schedule.ts';
import { answerLengthIn } from '../run/tasks/encoded-task.ts';
import { templateOf } from '../text/chat-template.ts';
import { unzipped } from '../weights/exports/unzip.ts';
import type { InspectTexts, ModelFiles } from '../weights/model-folder.ts';
import { parseModelReference } from '../weights/model-reference.ts';
import { type ModelAccess, openModel, readOutlineHere, requireReference } from '../weights/source.ts';
import { openPlaces, webgpu } from './hosts.ts';
import type { ModelChoice } from './protocol.ts';
import { filesOfLine, usedModel } from './taught-models.ts';
import { type AskerParts, askExamples, askRounds, type Provider, StoppedAsking } from './try/asker.ts';
import { loadedOnce } from './try/loaded-once.ts';
import type { Answering, GivenRun, RoundFile, Preparation, TriedRun, TryCommand, TryMessage } from './try/messages.ts';
import { openRunFiles, type RunFiles } from './try/opened-run.ts';
import { openStage, PreparedModels, type RoundsModel } from './try/prepared-models.ts';

/**
 * Loads onnxruntime-web from the app's own files: the small build for the CPU, or the one that has WebGPU too.
 *
 * @throws GorpError `worker/no-runtime` if its files cannot be loaded.
 */
const loadRuntime = loadedOnce(async (provider: 'webgpu' | 'wasm'): Promise<Runtime> => {
  try {
    const ort = await (provider === 'webgpu' ? import('onnxruntime-web/webgpu') : import('onnxruntime-web/wasm'));
    const [mjs, wasm] = provider === 'webgpu' ? [gpuGlue, gpuBinary] : [cpuGlue, cpuBinary];
    const here = (path: string): string => new URL(path, self.location.href).href;
    ort.env.wasm.wasmPaths = { mjs: here(mjs), wasm: here(wasm) };
    ort.env.logLevel = 'error';
    return ort;
  } catch (cause) {
    throw new GorpError(
      'worker/no-runtime',
      `onnxruntime-web could not be loaded: ${cause instanceof Error ? cause.message : String(cause)}.`,
      'Check that the server of the page is running, then try again.',
      { cause },
    );
  }
});

// The worker that tries models: rounds of a run on onnxruntime-web. It ends, and frees everything, when its tab is
// left.
declare const self: DedicatedWorkerGlobalScope;

const emit = teller<TryMessage>(self);
let isStopping = false;

/** The open run, and what has been prepared of it. */
let opened: { files: RunFiles; asker: Promise<OpenedModel> | undefined } | undefined;
let provider: (Provider & { device: DeviceChoice }) | undefined;

const turn = inTurn();
/** A stop before an answer begins also counts. */
const answering = <Command>(work: (command: Command) => Promise<void>): ((command: Command) => Promise<void>) => {
  const inOrder = turn(work);
  return (command) => {
    isStopping = false;
    return inOrder(command);
  };
};

const functions: FunctionsFor<TryCommand> = {
  open: turn(({ given, model, access }) => open(given, model, access)),
  examples: turn(({ task }) => emit({ type: 'examples', task, examples: examplesOf(task) })),
  ask: answering(({ asking }) => {
    const [round] = asking.rounds;
    return answer(
      asking,
      (parts, provider) => askRounds(parts, asking, provider),
      (what) => emit({ type: 'preparing', round, what }),
    );
  }),
  'ask-examples': answering(({ task, from, answering }) => {
    const asked = { task, examples: examplesOf(task), from, dtype: answering.dtype };
    return answer(answering, (parts, provider) => askExamples(parts, asked, provider));
  }),
  stop: () => {
    isStopping = true;
  },
};
serve(self, versionText(), functions);

async function open(given: GivenRun | null, model: ModelChoice, access: ModelAccess): Promise<void> {
  const files = await openRunFiles(
    given === null ? await filesOfLine((await usedModel(model)).used?.key ?? null) : await unpacked(given.files),
  );
  if (files === null && given !== null) {
    throw new GorpError(
      'run/bad-round',
      'There is no taught model among these files.',
      'Choose the folder of a run or of one task, such as 1-dbpedia, or its downloaded zip.',
    );
  }
  const run = files && (await triedRun(files, access));
  // The previous run stays open until here, in case these files are unusable.
  const before = await opened?.asker?.catch(() => undefined);
  await before?.parts.models.close();
  opened = files === null ? undefined : { files, asker: undefined };
  emit({ type: 'opened', run, given });
}

/** The given files, or the contents of the given archive. */
async function unpacked(files: readonly RoundFile[]): Promise<readonly RoundFile[]> {
  const [{ path, file }] = files;
  if (files.length > 1 || !/\.zip$/i.test(path)) return files;
  const inside = await unzipped(file);
  return Promise.all(inside.map(async ({ path, open }) => ({ path, file: await open() })));
}

async function triedRun({ results, rounds, answers, layers }: RunFiles, access: ModelAccess): Promise<TriedRun> {
  const { id, startedAt, settings, tasks, confusion = [] } = results;
  const isWatched = ({ name }: { name: string }): number => (settings.watch?.includes(name) === true ? 1 : 0);
  return {
    id: id ?? startedAt,
    settings,
    rounds: rounds.map(({ round, hasWeights }) => ({ round, name: `after ${roundName(settings, round)}`, hasWeights })),
    tasks: answers.tasks
      .toSorted((a, b) => isWatched(a) - isWatched(b))
      .map(({ name, form, examples }) => ({
        name,
        form,
        labels: tasks.find((task) => task.name === name)?.labels ?? [],
        examples: examples.length,
        rounds: [...new Set(examples.flatMap((example) => example.answers.map(({ round }) => round)))],
      })),
    confusion,
    bytes: await plannedBytes(baseOf(results), access),
    converses: isDecoderOnly(layers) || answers.tasks.some(({ form }) => form === 'chat'),
  };
}

/** Bytes that the weights take, if known without asking another server. */
async function plannedBytes(model: string, access: ModelAccess): Promise<TriedRun['bytes']> {
  try {
    const outline = await readOutlineHere(
      requireReference(parseModelReference(model), model),
      await openPlaces(access),
    );
    if (outline === null) return null;
    return Object.fromEntries(
      ONNX_DTYPES.map((dtype) => [dtype, loadedBytes(outline.config, dtype)]),
    ) as TriedRun['bytes'];
  } catch (thrown) {
    // A missing base model is reported when a question needs it.
    if (thrown instanceof GorpError) return null;
    throw thrown;
  }
}

/** The examples of a task, with the rounds' answers. */
const examplesOf = (task: string): AnsweredExample[] =>
  opened?.files.answers.tasks.find(({ name }) => name === task)?.examples ?? [];

/** Opens the base model if necessary, and lets it answer. */
async function answer(
  answering: Answering,
  work: (parts: AskerParts, provider: Provider) => Promise<void>,
  onPreparing: (what: Preparation) => void = () => undefined,
): Promise<void> {
  if (opened === undefined) throw new Error('There is no run to ask.');
  const { files } = opened;
  try {
    onPreparing('base-model');
    const { base, parts } = await (opened.asker ??= openForAsking(files, answering));
    checkHolds(base.config, answering);
    if (provider?.device !== answering.device) {
      const { kind } = await chooseDevice(answering.device, webgpu);
      provider = { kind, note: null, device: answering.device };
    }
    onPreparing('runtime');
    emit({ type: 'runtime', runtime: { provider: provider.kind, note: provider.note } });
    await work(parts, provider);
    emit({ type: 'done', isStopped: false });
  } catch (thrown) {
    if (!(thrown instanceof StoppedAsking)) {
      if (opened?.asker && !(await isOpen(opened.asker))) opened.asker = undefined; // the next question looks for it again
      throw thrown;
    }
    emit({ type: 'done', isStopped: true });
  }
}

const checkHolds = (config: unknown, { dtype, limit }: Answering): void =>
  checkRuntimeHolds(config, dtype, limit, (fitting) => `Choose ${DTYPE_WORDS[fitting]} for the weights.`);

/** A base model, with everything needed to answer questions to it and to its rounds. */
interface OpenedModel {
  base: ModelFiles;
  parts: AskerParts;
}

const isOpen = (asker: Promise<OpenedModel>): Promise<boolean> =>
  asker.then(
    () => true,
    () => false,
  );

/**
 * Opens the base model. Before a download, checks that the runtime can hold it.
 *
 * @throws GorpError `run/no-base-model`, `run/round-does-not-fit`, `store/…`, and as {@link readTexts}.
 */
async function openForAsking(
  { results, layers, openRound, answers }: RunFiles,
  answering: Answering,
): Promise<OpenedModel> {
  const inspect: InspectTexts = ({ config }) => {
    checkHolds(config, answering);
    return Promise.resolve();
  };
  const open = async (model: string): Promise<ModelFiles> =>
    openModel(requireReference(parseModelReference(model), model), await openPlaces(answering.access), { inspect });
  const base = await openBaseModel({ results }, open);
  const { settings, model } = results;
  const reading = { ...settings.training, date: model.date };
  const known = await readTexts(base, reading, tokenizerGuard(settings.model));
  const graphs: RoundsModel['graphs'] = async (round, dtype) =>
    graphsApart(base, dtype, layers, round === 0 ? undefined : await openRound(round));
  const tasks = answers.tasks.map(({ name, kind, form, instruction }) => {
    return { name, kind, form, instruction, labels: results.tasks.find((task) => task.name === name)?.labels ?? [] };
  });
  const parts: AskerParts = {
    known,
    chat: await readerOfChats(base, reading, known),
    settings: results.settings,
    taughtBefore: results.taughtBefore?.tasks ?? 0,
    answerLength: answerLengthIn(results),
    tasks,
    models: new PreparedModels({ config: known.config, graphs }, await openStage()),
    loadRuntime,
    emit,
    breathe: async () => {
      await new Promise((resolve) => setTimeout(resolve));
      if (isStopping) throw new StoppedAsking();
    },
  };
  return { base, parts };
}

/** How a model reads conversations: by its chat template, whatever the run used; without one, as plain text. */
async function readerOfChats(
  base: ModelFiles,
  reading: Parameters<typeof readTexts>[1],
  known: KnownModel,
): Promise<KnownModel> {
  if (reading.promptForm === 'chat') return known;
  if (templateOf(base.tokenizerConfig, await base.chatTemplate()) === null) return known;
  return readTexts(base, { ...reading, promptForm: 'chat' });
}

/** Reports every text that may take the tokenizer for ever, so that the page can end this worker. */
const tokenizerGuard =
  (model: string): TokenizerGuard =>
  (work) => {
    emit({ type: 'tokenizing', model });
    try {
      return work();
    } finally {
      emit({ type: 'tokenized' });
    }
  };
