import { GorpError } from '../../base/errors.ts';
import type { ByteFile } from '../model-files.ts';
import type { InspectTexts, ModelFiles, ModelFolder, ModelTexts, PeekedFile } from '../model-folder.ts';
import { dequantise } from './blocks.ts';
import { architectureOf, configOf } from './config.ts';
import { type GgufHeader, readGgufHeader } from './header.ts';
import { ROTARY_FACTORS, tensorRules } from './names.ts';
import { checkParts, partsOf } from './splits.ts';
import { type GgufTexts, ggufTensors, namedTensors } from './tensors.ts';
import { checkVocabularySize, GgufTokenizer } from './tokenizer.ts';
import type { GgufMetadata } from './values.ts';

/** The headers of a model, and what follows from them. */
interface Headers {
  readonly parts: readonly string[];
  readonly headers: readonly GgufHeader[];
  readonly peeked: readonly PeekedFile[];
  readonly tokenizer: GgufTokenizer;
  readonly config: Record<string, unknown>;
}

/**
 * Opens a model in a GGUF file: first its header, which holds what a model on the hub has in JSON files, then its
 * weights.
 *
 * @param file of the folder; of a split model, any part.
 * @param inspect decides whether the weights are worth fetching.
 * @throws GorpError as {@link readGgufHeader} and {@link configOf}; `weights/gguf-split`, `weights/gguf-changed`, and what
 *   the folder throws.
 */
export async function openGguf(folder: ModelFolder, file: string, inspect?: InspectTexts): Promise<ModelFiles> {
  const read = await readHeaders(folder, file);
  const texts = textsOf(folder, read);
  await inspect?.(texts);
  const { parts, headers, peeked } = read;
  const bytes = peeked.reduce<number | null>(
    (sum, one) => (sum === null || one.bytes === null ? null : sum + one.bytes),
    0,
  );
  await folder.expectWeights(parts, bytes);
  const files: ByteFile[] = [];
  for (const part of parts) files.push(await folder.file(part));
  for (const [i, file] of files.entries()) if (!peeked[i].isWhole) await checkSame(file, headers[i], peeked[i]);
  return { ...texts, ...ggufTensors(texts.gguf.tensors, headers, files), fromCache: folder.fromCache };
}

/** Opens the header: all but the weights. @throws GorpError as {@link openGguf}. */
export const openGgufTexts = async (folder: ModelFolder, file: string): Promise<ModelTexts> =>
  textsOf(folder, await readHeaders(folder, file));

async function readHeaders(folder: ModelFolder, file: string): Promise<Headers> {
  const parts = partsOf(file);
  const peeked: PeekedFile[] = [];
  const headers: GgufHeader[] = [];
  try {
    for (const part of parts) {
      const peek = await folder.peek(part);
      peeked.push(peek);
      headers.push(await named(part, () => readGgufHeader(peek)));
    }
    const [{ metadata }] = headers;
    const tensors = new Map(headers.flatMap((header) => [...header.tensors]));
    checkParts(
      headers.map((header) => header.metadata),
      tensors.size,
    );
    architectureOf(metadata); // before its tokenizer is found fault with
    const tokenizer = new GgufTokenizer(metadata);
    const rotaryFactors = await readRotaryFactors(headers, peeked);
    const config = configOf({ metadata, tensors, rotaryFactors, tokens: tokenizer.special });
    checkVocabularySize(tokenizer, Number(config['vocab_size']));
    return { parts, headers, peeked, tokenizer, config };
  } catch (thrown) {
    if (thrown instanceof GorpError && thrown.code === 'weights/gguf-header') {
      // Damaged, not unsupported: it may be mended at its source.
      await Promise.all(peeked.map((peek) => peek.discard()));
    }
    throw thrown;
  }
}

/** The values of the tensor that scales rotary frequencies: a few dozen numbers. */
async function readRotaryFactors(
  headers: readonly GgufHeader[],
  files: readonly PeekedFile[],
): Promise<Float32Array | null> {
  const at = headers.findIndex(({ tensors }) => tensors.has(ROTARY_FACTORS));
  const tensor = headers.at(at)?.tensors.get(ROTARY_FACTORS);
  if (at < 0 || tensor === undefined) return null;
  if (tensor.end - tensor.begin > 2 ** 16) return new Float32Array(0); // which the config refuses
  const { dataStart } = headers[at];
  return dequantise(tensor.type, await files[at].read(dataStart + tensor.begin, dataStart + tensor.end));
}

function textsOf(folder: ModelFolder, { headers, tokenizer, config }: Headers): ModelTexts & { gguf: GgufTexts } {
  const [{ metadata }] = headers;
  const rules = tensorRules(architectureOf(metadata), {
    has: (name) => headers.some(({ tensors }) => tensors.has(name)),
  });
  const { commit, fromCache } = folder;
  return {
    config,
    ...tokenizer.files(),
    generationConfig: null,
    chatTemplate: () => Promise.resolve(null),
    licence: () => Promise.resolve(licenceOf(metadata)),
    commit,
    fromCache,
    discard: () => folder.discard(),
    gguf: { metadata, tensors: namedTensors(headers, rules, config) },
  };
}

/** The licence that the file states, as the hub names it. */
function licenceOf({ values }: GgufMetadata): string | null {
  const found = values.get('general.license');
  return found?.type === 'string' && /^[\w.+-]{1,100}$/.test(found.value) ? found.value : null;
}

/** Names the file of a split model, or of several, in an error. */
async function named<T>(file: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (thrown) {
    if (!(thrown instanceof GorpError) || !thrown.code.startsWith('weights/gguf')) throw thrown;
    throw new GorpError(thrown.code, `${file}: ${thrown.message}`, thrown.nextStep, { cause: thrown });
  }
}

/** A file on a server may change between its header and the rest. @throws GorpError `weights/gguf-changed`. */
async function checkSame(file: ByteFile, { bytes, dataStart }: GgufHeader, peeked: PeekedFile): Promise<void> {
  const isLong = file.bytes >= dataStart && [file.bytes, null].includes(peeked.bytes);
  const now = isLong ? await file.read(0, dataStart) : new Uint8Array(0);
  if (isLong && now.every((byte, i) => byte === bytes[i])) {
    // A layout is checked against the length of its file, which may not have been known.
    if (peeked.bytes === null) await readGgufHeader(file);
    return;
  }
  await file.discard();
  throw new GorpError(
    'weights/gguf-changed',
    `${file.name} changed on its server while it was downloaded.`,
    'Start again to download it again.',
  );
}
