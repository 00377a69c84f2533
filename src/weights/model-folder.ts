import * as v from 'valibot';
import { GorpError } from '../base/errors.ts';
import { hasByteTokens } from '../base/tokenizer-config.ts';
import { formatBytes } from '../base/units.ts';
import type { GgufTexts } from './gguf/tensors.ts';
import { noSafetensors } from './hub.ts';
import { type ByteFile, type ModelTensors, openTensors, readJson } from './model-files.ts';

/** Bytes of a README.md that are read: its metadata come first. */
const MAX_README_BYTES = 2 ** 20;

/** The header of a model card on the hub: YAML between two lines of dashes. */
const HEADER = /^\uFEFF?---\r?\n([\s\S]*?)\r?\n---/;

/**
 * The licence that a model card states in its header, as the hub names it: `apache-2.0`; for `other`, the name that
 * stands beside it. Null if it states none.
 */
export function licenceOf(readme: string): string | null {
  const lines = (HEADER.exec(readme)?.[1] ?? '').split(/\r?\n/);
  const field = (name: string): string | null => {
    const values = lines.flatMap((line) =>
      line.startsWith(`${name}:`) ? [unquoted(line.slice(name.length + 1).trim())] : [],
    );
    return values.find((value) => PLAIN.test(value)) ?? null;
  };
  const licence = field('license');
  return licence === 'other' ? (field('license_name') ?? licence) : licence;
}

/** A value that YAML writes in one line, without what has a meaning of its own, such as a list. */
const PLAIN = /^[\w .+-]+$/;

const unquoted = (value: string): string => value.replace(/^["']/, '').replace(/["']$/, '');

const MIB = 2 ** 20;
/** Size limits of JSON files, in bytes: several times the sizes in the largest published models. */
const MAX_CONFIG_BYTES = 4 * MIB;
const MAX_TOKENIZER_BYTES = 128 * MIB;
const MAX_TEMPLATE_BYTES = MIB;
const MAX_INDEX_BYTES = 64 * MIB;

const SINGLE = 'model.safetensors';
const INDEX = `${SINGLE}.index.json`;

/** A file that need not have been fetched. */
export interface PeekedFile extends Pick<ByteFile, 'read' | 'discard'> {
  /** Null if its server does not tell. */
  readonly bytes: number | null;
  /** Whether it is the file that {@link ModelFolder.file} returns; otherwise that may have other content. */
  readonly isWhole: boolean;
}

/** A model's files in one folder, wherever it is. */
export interface ModelFolder {
  /** For messages: an address, a path or `org/name`. */
  readonly name: string;
  /** The commit that the files are pinned to; null if they have none. */
  readonly commit: string | null;
  /** False after any network request. */
  readonly fromCache: boolean;
  /** A file of the folder. @throws GorpError `weights/not-found`, and what fetching it throws. */
  file(name: string, maxBytes?: number): Promise<ByteFile>;
  /** A file that the folder may lack; null if it does. */
  optionalFile(name: string, maxBytes: number): Promise<ByteFile | null>;
  /**
   * A file of the folder that may be read in parts before it is fetched. Fetches it if its server cannot send parts.
   *
   * @throws GorpError as {@link file}.
   */
  peek(name: string): Promise<PeekedFile>;
  /** Whether a file is known to exist, without requesting it. */
  has(name: string): Promise<boolean>;
  /**
   * Announces the weight files before they are requested, and the bytes of their tensors if known.
   *
   * @throws GorpError `store/quota` when the browser has no room for the missing ones.
   */
  expectWeights(names: readonly string[], bytes: number | null): Promise<void>;
  /** Called when the files are not a usable model, so that the next start downloads them again. */
  discard(): Promise<void>;
}

/** A folder whose files are at hand: nothing of it is fetched, stored or dropped. */
export class LocalFolder implements ModelFolder {
  readonly commit = null;
  readonly fromCache = true;

  readonly #find: (name: string) => Promise<ByteFile | null>;
  readonly #checkWeights: (names: readonly string[]) => void;

  /**
   * @param find a file of the folder; null if it lacks it.
   * @param checkWeights throws if the folder has no such weight files.
   */
  constructor(
    readonly name: string,
    find: (name: string) => Promise<ByteFile | null>,
    checkWeights: (names: readonly string[]) => void = () => undefined,
  ) {
    this.#find = find;
    this.#checkWeights = checkWeights;
  }

  async file(name: string, maxBytes = Infinity): Promise<ByteFile> {
    const found = await this.optionalFile(name, maxBytes);
    if (found === null) throw missingFile(this.name, name);
    return found;
  }

  async optionalFile(name: string, maxBytes = Infinity): Promise<ByteFile | null> {
    const found = await this.#find(name);
    if (found === null || found.bytes <= maxBytes) return found;
    throw new GorpError(
      'weights/too-large',
      `${name} in ${this.name} takes ${formatBytes(found.bytes)}; the limit for this file is ${formatBytes(maxBytes)}.`,
      'Choose a model folder with Hugging Face files.',
    );
  }

  async peek(name: string): Promise<PeekedFile> {
    return { ...(await this.file(name)), isWhole: true };
  }

  async has(name: string): Promise<boolean> {
    return (await this.#find(name)) !== null;
  }

  expectWeights(names: readonly string[]): Promise<void> {
    return Promise.resolve(names).then(this.#checkWeights);
  }

  discard(): Promise<void> {
    return Promise.resolve();
  }
}

/** The small files of a model and their origin. */
export interface ModelTexts {
  /** The JSON files' contents, unchecked. */
  config: unknown;
  /** Null when the folder has no `tokenizer.json`: the tokens of some models are bytes. */
  tokenizer: unknown;
  tokenizerConfig: unknown;
  /** Null when the folder has no `generation_config.json`. */
  generationConfig: unknown;
  /** The text of `chat_template.jinja`, fetched on demand; null when the folder has none. */
  chatTemplate(): Promise<string | null>;
  /** The licence that the model card states, read on demand; null if there is none or it cannot be read now. */
  licence(): Promise<string | null>;
  /** The commit that the files are pinned to; null if they have none. */
  commit: string | null;
  /** Whether no network request was needed. */
  fromCache: boolean;
  /** Called when the files are not a usable model, so that the next start downloads them again. */
  discard(): Promise<void>;
  /** The header of a GGUF file; missing for other models. */
  gguf?: GgufTexts;
}

/** The files of a model. */
export interface ModelFiles extends ModelTexts, ModelTensors {}

/** Inspects a model's small files before its weights are requested. If it throws, opening ends. */
export type InspectTexts = (texts: ModelTexts) => Promise<void>;

/**
 * Opens the small files of a model: `config.json`, `tokenizer.json` (unless tokens are bytes), `tokenizer_config.json`,
 * and, if present, `generation_config.json` and `chat_template.jinja`.
 *
 * @throws GorpError `weights/not-found`, `weights/invalid-json`, and what fetching them throws. A file that turns out
 *   unusable is discarded.
 */
export async function openTexts(folder: ModelFolder): Promise<ModelTexts> {
  // Check each at once: a wrong address should not cost a long download.
  const config = await openConfig(folder);
  const tokenizerConfig = await readJson(await folder.file('tokenizer_config.json', MAX_CONFIG_BYTES));
  const tokenizer = hasByteTokens(tokenizerConfig)
    ? null
    : await readJson(await folder.file('tokenizer.json', MAX_TOKENIZER_BYTES));
  const generationFile = await folder.optionalFile('generation_config.json', MAX_CONFIG_BYTES);
  const generationConfig = generationFile === null ? null : await readJson(generationFile);
  const chatTemplate = async (): Promise<string | null> => {
    const file = await folder.optionalFile('chat_template.jinja', MAX_TEMPLATE_BYTES);
    return file && new TextDecoder().decode(await file.read(0, file.bytes));
  };
  let stated: Promise<string | null> | undefined; // every round asks for it
  const licence = (): Promise<string | null> => (stated ??= readLicence(folder));
  const { commit, fromCache } = folder;
  const discard = (): Promise<void> => folder.discard();
  return { config, tokenizer, tokenizerConfig, generationConfig, chatTemplate, licence, discard, commit, fromCache };
}

/** The licence in the model card; null without one, and where it cannot be read now: no export should fail for it. */
async function readLicence(folder: ModelFolder): Promise<string | null> {
  try {
    const file = await folder.optionalFile('README.md', MAX_README_BYTES);
    return file && licenceOf(new TextDecoder().decode(await file.read(0, file.bytes)));
  } catch (thrown) {
    if (thrown instanceof GorpError) return null;
    throw thrown;
  }
}

/**
 * Opens a model in a folder of Hugging Face files: first those of {@link openTexts}, then `model.safetensors` or the
 * shards named in `model.safetensors.index.json`.
 *
 * @param inspect decides whether the weights are worth fetching.
 * @throws GorpError as {@link openTexts} and {@link openTensors}; `weights/no-safetensors`, `weights/invalid-index`.
 * A file that turns out unusable is discarded.
 */
export async function openModelFolder(folder: ModelFolder, inspect?: InspectTexts): Promise<ModelFiles> {
  const texts = await openTexts(folder);
  await inspect?.(texts);
  const weights = await openWeights(folder);
  return { ...texts, ...weights, fromCache: folder.fromCache };
}

/** Only the config.json of a folder: a few KB. @throws GorpError as {@link openModelFolder}. */
export const openConfig = async (folder: ModelFolder): Promise<unknown> =>
  readJson(await folder.file('config.json', MAX_CONFIG_BYTES));

async function openWeights(folder: ModelFolder): Promise<ModelTensors> {
  if ((await folder.has(SINGLE)) || !(await folder.has(INDEX))) {
    try {
      await folder.expectWeights([SINGLE], null);
      return await openTensors([await folder.file(SINGLE)]);
    } catch (thrown) {
      if (!isAbsence(thrown)) throw thrown;
    }
  }
  const indexFile = await folder.file(INDEX, MAX_INDEX_BYTES).catch((thrown: unknown) => {
    throw isAbsence(thrown) ? noSafetensors(folder.name, [], thrown) : thrown;
  });
  const indexJson = await readJson(indexFile);
  const index = await checked([indexFile], () => parseShardIndex(indexJson));
  await folder.expectWeights(index.files, index.tensorBytes);
  const files: ByteFile[] = [];
  for (const name of index.files) files.push(await folder.file(name));
  const tensors = await openTensors(files);
  await checked([indexFile, ...files], () => checkShards(index, tensors));
  return tensors;
}

/** Returns what `check` returns. If it throws, discards the files first. */
async function checked<T>(files: readonly ByteFile[], check: () => T): Promise<T> {
  try {
    return check();
  } catch (thrown) {
    await Promise.all(files.map((file) => file.discard()));
    throw thrown;
  }
}

/** Whether an error means that the file does not exist. Some servers then answer with their start page. */
export const isAbsence = (thrown: unknown): thrown is GorpError =>
  thrown instanceof GorpError && (thrown.code === 'weights/not-found' || thrown.code === 'weights/html');

/** @param where the folder's name. */
export const missingFile = (where: string, name: string): GorpError =>
  new GorpError(
    'weights/not-found',
    `${where} has no ${name}.`,
    'Choose a folder with config.json, tokenizer.json, tokenizer_config.json and model.safetensors or its shards.',
  );

/** The facts about a model that planning a run needs: a few KB, which can be sent between workers. */
export interface ModelOutline {
  /** The content of config.json, unchecked. */
  readonly config: unknown;
  /** The type of each tensor of a GGUF file by its name on the hub; null for other models, whose config tells. */
  readonly types: ReadonlyMap<string, string> | null;
}

export function modelOutline({ config, gguf }: Pick<ModelTexts, 'config' | 'gguf'>): ModelOutline {
  return { config, types: gguf ? new Map([...gguf.tensors].map(([name, { type }]) => [name, type.name])) : null };
}

const MAX_SHARDS = 10_000;
/** A file next to the index. A path or an address could lead elsewhere. */
const PLAIN_NAME = /^[\w-][\w.-]*\.safetensors$/;

const IndexSchema = v.object({
  metadata: v.optional(v.object({ total_size: v.optional(v.pipe(v.number(), v.safeInteger(), v.minValue(0))) })),
  // Pairs, not an object, so that no tensor name has a meaning in JavaScript.
  weight_map: v.pipe(
    v.custom<Record<string, unknown>>(
      (map) => typeof map === 'object' && map !== null && !Array.isArray(map),
      'not an object',
    ),
    v.transform((map) => Object.entries(map)),
    v.array(
      v.tuple([
        v.string(),
        v.pipe(v.string(), v.regex(PLAIN_NAME, 'a shard name that is not a plain *.safetensors name')),
      ]),
    ),
    v.minLength(1, 'no tensors'),
  ),
});

/** The content of `model.safetensors.index.json` (Hugging Face `save_pretrained` with `max_shard_size`). */
export interface ShardIndex {
  /** The safetensors files, each once, in order of first mention. */
  files: string[];
  /** Each tensor's name and file. */
  places: [name: string, file: string][];
  /** Bytes of all tensors, without file headers, if the index states them. */
  tensorBytes: number | null;
}

/** Checks an index. @throws GorpError `weights/invalid-index`. */
export function parseShardIndex(json: unknown): ShardIndex {
  const parsed = v.safeParse(IndexSchema, json, { abortEarly: true });
  if (!parsed.success) throw invalid(`${v.getDotPath(parsed.issues[0]) ?? 'the file'}: ${parsed.issues[0].message}`);
  const places = parsed.output.weight_map;
  const files = [...new Set(places.map(([, file]) => file))];
  if (files.length > MAX_SHARDS) throw invalid(`it names ${files.length} files; ${MAX_SHARDS} are allowed`);
  return { files, places, tensorBytes: parsed.output.metadata?.total_size ?? null };
}

/** Checks that every tensor of the index is in the shard it names. @throws GorpError `weights/invalid-index`. */
export function checkShards({ places }: ShardIndex, { tensors }: ModelTensors): void {
  const missing = places.find(([name, file]) => tensors.get(name)?.file !== file);
  if (missing !== undefined) throw invalid(`tensor ${missing[0]} is not in ${missing[1]}`);
}

function invalid(problem: string): GorpError {
  return new GorpError(
    'weights/invalid-index',
    `model.safetensors.index.json is not usable: ${problem}.`,
    'Check that all files of the model come from one save. If they do, save the model again.',
  );
}
