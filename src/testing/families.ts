import { type DecoderConfig, decoderParameterShapes, parseDecoderConfig } from '../models/decoder-config.ts';
import { DECODER_TRAITS } from '../models/decoder-families.ts';
import { parseT5Config, T5_FAMILY, type T5Config, t5ParameterShapes } from '../models/t5-config.ts';
import { committedReference, type ReferenceFolder, referencesWith } from './reference.ts';

interface Typed {
  readonly modelType: string;
}

/** Folders of the project's reference numbers with a config.json of these families. */
const foldersOf = (families: readonly Typed[]): string[] =>
  committedReference.list('golden').filter((name) => {
    const path = `golden/${name}/config.json`;
    if (!committedReference.has(path)) return false;
    const { model_type: type } = committedReference.json<{ model_type: string }>(path);
    return families.some(({ modelType }) => modelType === type);
  });

/** Folder names of the reference numbers of encoder–decoder and of decoder-only families. */
export const ENCODER_DECODERS = foldersOf(T5_FAMILY);
export const DECODERS = foldersOf(DECODER_TRAITS);

/** The listed families, in every folder of reference numbers that has them. */
export const familiesIn = (names: readonly string[]): { family: string; reference: ReferenceFolder }[] =>
  names.flatMap((family) => referencesWith(`golden/${family}`).map((reference) => ({ family, reference })));

/** Reads the config.json of a decoder-only model of any family. */
export const readDecoderConfig = (config: unknown): DecoderConfig =>
  parseDecoderConfig(of(DECODER_TRAITS, config), config);

/** Reads the config.json of T5 or one of its relatives. */
export const readT5Config = (config: unknown): T5Config => parseT5Config(of(T5_FAMILY, config), config);

/** Names and shapes of the parameters that a config.json describes, derived without the families' graphs. */
export const parameterShapes = (config: Readonly<Record<string, unknown>>): Map<string, number[]> =>
  isT5(config) ? t5ParameterShapes(readT5Config(config)) : decoderParameterShapes(readDecoderConfig(config));

/** Whether the norms of the model multiply by 1 + weight. */
export const normsAddOne = (config: Readonly<Record<string, unknown>>): boolean =>
  !isT5(config) && readDecoderConfig(config).normAddsOne;

const isT5 = (config: Readonly<Record<string, unknown>>): boolean =>
  T5_FAMILY.some(({ modelType }) => modelType === config['model_type']);

function of<Traits extends Typed>(all: readonly Traits[], config: unknown): Traits {
  const { model_type: type } = config as { model_type: string };
  const found = all.find(({ modelType }) => modelType === type);
  if (found === undefined) throw new Error(`no known family has the reference numbers’ model_type ${type}`);
  return found;
}
