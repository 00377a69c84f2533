import { type DecoderConfig, parseDecoderConfig } from '../models/decoder-config.ts';
import { DECODER_TRAITS } from '../models/decoder-families.ts';
import { parseT5Config, type T5Config, T5_FAMILY } from '../models/t5-config.ts';
import { committedReference, type ReferenceFolder, referencesWith } from './reference.ts';

interface Typed {
  readonly modelType: string;
}

/** Folders of the project's reference numbers whose config.json is of these families. */
const foldersOf = (families: readonly Typed[]): string[] =>
  committedReference.list('golden').filter((name) => {
    const path = `golden/${name}/config.json`;
    if (!committedReference.has(path)) return false;
    const { model_type: type } = committedReference.json<{ model_type: string }>(path);
    return families.some(({ modelType }) => modelType === type);
  });

/** The reference numbers of encoder–decoder and of decoder-only families, by the names of their folders. */
export const ENCODER_DECODERS = foldersOf(T5_FAMILY);
export const DECODERS = foldersOf(DECODER_TRAITS);

/** The families of a list in every folder of reference numbers that has them. */
export const familiesIn = (names: readonly string[]): { family: string; reference: ReferenceFolder }[] =>
  names.flatMap((family) => referencesWith(`golden/${family}`).map((reference) => ({ family, reference })));

/** Reads the config.json of a decoder-only model of whichever family. */
export const readDecoderConfig = (config: unknown): DecoderConfig =>
  parseDecoderConfig(of(DECODER_TRAITS, config), config);

/** The same of T5 and its relatives. */
export const readT5Config = (config: unknown): T5Config => parseT5Config(of(T5_FAMILY, config), config);

function of<Traits extends Typed>(all: readonly Traits[], config: unknown): Traits {
  const { model_type: type } = config as { model_type: string };
  const found = all.find(({ modelType }) => modelType === type);
  if (found === undefined) throw new Error(`the reference numbers are of no known family: ${type}`);
  return found;
}
