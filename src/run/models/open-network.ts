import { GorpError, reportOf } from '../../base/errors.ts';
import { statingSpaces, type TokenizerGuard } from '../../base/tokenizer-config.ts';
import { countingDevice } from '../../device/counting-device.ts';
import type { Device } from '../../device/device.ts';
import { ConfigReader } from '../../models/config.ts';
import { familyOf, type TextsOfNetwork, type ParsedConfig } from '../../models/families.ts';
import type { Network } from '../../models/network.ts';
import { checkShapes } from '../../models/parameters.ts';
import { layersOfModules, type TargetModules, targetModules } from '../../models/targets.ts';
import { ChatTemplate, templateOf } from '../../text/chat-template.ts';
import { chatTokenizer } from '../../text/chat-tokenizer.ts';
import { checkVocabulary, loadTokenizer, type Tokenizer } from '../../text/tokenizer.ts';
import type { InspectTexts, ModelFiles, ModelTexts } from '../../weights/model-folder.ts';
import type { TrainingSettings } from '../settings/settings.ts';
import { type Chosen, firstTrained, type ModelModules, trainedModules } from '../settings/trained-modules.ts';

/** A network ready for weights, its tokenizer and prompt form, and the layers that methods train by default. */
export interface OpenedNetwork {
  network: Network;
  tokenizer: Tokenizer;
  targets: TargetModules;
  /** The name under which the checkpoint holds a parameter. */
  storedName: (name: string) => string;
}

interface Reading extends Pick<TrainingSettings, 'promptForm'> {
  /** The local time that a chat template prints; undefined prints the present. */
  readonly date?: string | undefined;
}

/** The content of the small files of a model, once they are known to fit together. */
export interface KnownModel {
  readonly tokenizer: Tokenizer;
  readonly targets: TargetModules;
  readonly config: ParsedConfig;
  /** Tokens that end an answer. */
  readonly endIds: readonly number[];
  /** @throws GorpError `settings/text-too-long`. */
  readonly networkOn: (device: Device, texts: TextsOfNetwork) => Network;
}

/**
 * @param guard of the tokenizer, if any.
 * @throws GorpError `model/…` or `text/…`, naming the field or token.
 */
export async function readTexts(texts: Texts, reading: Reading, guard?: TokenizerGuard): Promise<KnownModel> {
  const { read, promptMark, targets } = familyOf(texts.config);
  const { config, networkOn } = read(texts.config);
  const raw = loadTokenizer(texts.tokenizer, statingSpaces(texts), promptMark, guard);
  checkVocabulary(raw, config.vocabSize);
  const tokenizer = reading.promptForm === 'chat' ? await byChatTemplate(raw, texts, reading) : raw;
  // generation_config.json overrides config.json on where generation ends. Labels end with the tokenizer's end-of-text
  // token, so answers do too, even if neither file names it.
  const named = generationEnds(texts.generationConfig, config.vocabSize) ?? config.endIds;
  const endIds = [...new Set([...named, tokenizer.eosId])];
  return { tokenizer, targets, config, endIds, networkOn: (device, texts) => networkOn(device, texts, endIds) };
}

/**
 * A tokenizer that encodes prompts by the model's chat template.
 *
 * @throws GorpError `settings/no-template`, `settings/template-failed`, `settings/template-tokens`.
 */
export const byChatTemplate = async (
  raw: Tokenizer,
  texts: Texts,
  reading: Pick<Reading, 'date'>,
): Promise<Tokenizer> => chatTokenizer(raw, await chatTemplate(texts, reading));

/** @throws GorpError `settings/no-template`, `settings/template-failed`. */
async function chatTemplate(
  { config, tokenizerConfig, chatTemplate }: Texts,
  { date }: Pick<Reading, 'date'>,
): Promise<ChatTemplate> {
  const source = templateOf(tokenizerConfig, await chatTemplate());
  if (source !== null) return ChatTemplate.read(source, date === undefined ? undefined : new Date(date));
  throw new GorpError(
    'settings/no-template',
    `This ${familyOf(config).modelType} model has no chat template: neither chat_template.jinja, nor chat_template in tokenizer_config.json.`,
    'Choose raw prompts, or the variant of the model that was trained on conversations.',
  );
}

/** Refuses a model whose small files {@link readTexts} cannot read, and removes them from the store. */
export const inspectTexts: InspectTexts = async (texts) =>
  void (await discarding(texts, () => readTexts(texts, { promptForm: 'raw' })));

/** If they stayed in the store, every later start would fail, even after they were fixed at their source. */
export async function discarding<T>(files: Pick<ModelTexts, 'discard'>, read: () => T | Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (thrown) {
    if (/^(model|text)\//.test(reportOf(thrown).code)) await files.discard();
    throw thrown;
  }
}

type Texts = Pick<ModelTexts, 'config' | 'tokenizer' | 'tokenizerConfig' | 'generationConfig' | 'chatTemplate'>;

/**
 * Tokens that end an answer by `generation_config.json`; null if it names none.
 *
 * @throws GorpError `model/bad-config`.
 */
function generationEnds(generationConfig: unknown, vocabSize: number): number[] | null {
  if (generationConfig === null) return null;
  const read = ConfigReader.from(generationConfig, 'language', 'generation_config.json');
  return read.has('eos_token_id') ? read.tokens('eos_token_id', vocabSize, 0) : null;
}

/**
 * Makes the network that a model's files describe, once they are known to fit together.
 *
 * @param known what {@link readTexts} has read.
 * @throws GorpError `model/…` naming the tensor, or `settings/text-too-long`; then nothing stays allocated.
 */
export function openNetwork(
  device: Device,
  model: Pick<ModelFiles, 'tensors'>,
  texts: TextsOfNetwork,
  { tokenizer, targets, networkOn }: KnownModel,
): OpenedNetwork {
  const network = networkOn(device, texts);
  try {
    const storedName = tiedNames(network, model.tensors);
    checkShapes(network.shapes, model.tensors, (name) => network.isRedundant(name), storedName);
    return { network, tokenizer, targets, storedName };
  } catch (thrown) {
    network.destroy();
    throw thrown;
  }
}

/** The network that a config.json alone describes: for a plan of its memory. @throws GorpError `model/…`. */
export function networkOf(
  device: Device,
  config: unknown,
  texts: TextsOfNetwork,
): Pick<OpenedNetwork, 'network' | 'targets'> {
  const { read, targets } = familyOf(config);
  return { network: read(config).networkOn(device, texts), targets };
}

/** The name of a parameter in a checkpoint: its own, or the first found among the tensors it is tied to. */
function tiedNames(network: Network, found: ReadonlyMap<string, unknown>): (name: string) => string {
  return (name) => (found.has(name) ? name : (network.tiedNames(name).find((other) => found.has(other)) ?? name));
}

type Shapes = ReadonlyMap<string, readonly number[]>;

/** The modules of the model that a config.json describes. @throws GorpError `model/…`. */
export function modulesOfConfig(config: unknown): ModelModules {
  const { read, targets } = familyOf(config);
  return modulesOf(read(config).shapes, targets);
}

/** The modules of a model, from its parameters, and those that its family trains. */
export function modulesOf(shapes: Shapes, { lora, fullRank }: TargetModules): ModelModules {
  const modules = targetModules(shapes);
  const picked = (pattern: RegExp): string[] => modules.flatMap(({ name }) => (pattern.test(name) ? [name] : []));
  return { modules, defaults: { lora: picked(lora), fullRank: picked(fullRank) } };
}

/** The layers that a run trains. @throws GorpError `settings/modules`. */
export function chosenTargets(chosen: Chosen, shapes: Shapes, family: TargetModules): TargetModules {
  const model = modulesOf(shapes, family);
  const { lora, fullRank } = trainedModules(chosen, model);
  const modules = model.modules.map((module) => ({ ...module, first: firstTrained(module, chosen) }));
  const layersOf = (names: readonly string[]): RegExp =>
    layersOfModules(modules.filter(({ name }) => names.includes(name)));
  return { lora: layersOf(lora), fullRank: layersOf(fullRank) };
}

/**
 * Checks that a model's files fit together: its family, its tokenizer, and the names and shapes of its tensors.
 *
 * @throws GorpError `model/…` and `text/…`, naming the field, token or tensor.
 */
export async function inspectModel(model: ModelFiles): Promise<void> {
  const known = await readTexts(model, { promptForm: 'raw' });
  const device = countingDevice({ kind: 'wasm', limits: { buffer: Infinity, total: null } });
  openNetwork(device, model, { sourceLength: 1, targetLength: 1 }, known).network.destroy();
}
