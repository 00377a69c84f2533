import { GorpError, reportOf } from '../base/errors.ts';
import type { Device } from '../device/device.ts';
import { ConfigReader } from './config.ts';
import {
  type DecoderConfig,
  decoderParameterShapes,
  type DecoderTraits,
  parseDecoderConfig,
} from './decoder-config.ts';
import { DECODER_TRAITS } from './decoder-families.ts';
import { DecoderNetwork } from './decoder-network.ts';
import type { Network } from './network.ts';
import { parseT5Config, T5_FAMILY, type T5Config, t5ParameterShapes, type T5Traits } from './t5-config.ts';
import { T5Network } from './t5-network.ts';
import { DECODER_TARGETS, T5_TARGETS, type TargetModules } from './targets.ts';

/** The texts that a network reads: the longest, in tokens, and whether its layers depend on the prompt. */
export interface TextsOfNetwork {
  readonly sourceLength: number;
  readonly targetLength: number;
  /** {@link Network.byPrompt} */
  readonly byPrompt?: boolean | undefined;
}

/** The part of a config.json that changes the computation. */
export type ParsedConfig =
  | ({ readonly kind: 'encoder-decoder' } & Readonly<T5Config>)
  | ({ readonly kind: 'decoder-only' } & Readonly<DecoderConfig>);

/** Maximum number of tokens that a model can read; null if it names none. */
export const positionsOf = (config: ParsedConfig): number | null =>
  config.kind === 'decoder-only' ? config.maxPositions : null;

/** A parsed config.json, and the network that it describes. */
interface ReadModel {
  readonly config: ParsedConfig;
  /** Parameters by Hugging Face name. */
  readonly shapes: ReadonlyMap<string, readonly number[]>;
  /** @throws GorpError `settings/text-too-long`. */
  readonly networkOn: (device: Device, lengths: TextsOfNetwork, endIds?: number[]) => Network;
}

/** A model family: everything that distinguishes it from others. */
export interface Family {
  /** `model_type` of config.json. */
  readonly modelType: string;
  readonly kind: ParsedConfig['kind'];
  /** How a raw prompt is marked: the end-of-text token closes it, or the token that begins a text begins it. */
  readonly promptMark: 'closed' | 'begun';
  /** Layers that methods train by default. */
  readonly targets: TargetModules;
  /** @throws GorpError `model/bad-config`, naming the field; `model/quantised-checkpoint`. */
  readonly read: (config: unknown) => ReadModel;
}

const decoderOnly = (traits: DecoderTraits): Family => ({
  modelType: traits.modelType,
  kind: 'decoder-only',
  promptMark: 'begun',
  targets: DECODER_TARGETS,
  read: (json) => {
    const config = parseDecoderConfig(traits, json);
    return {
      config: { kind: 'decoder-only', ...config },
      shapes: decoderParameterShapes(config),
      networkOn: (device, { sourceLength, targetLength, byPrompt }, endIds = config.endIds) =>
        new DecoderNetwork(device, { ...config, endIds }, sourceLength + targetLength, byPrompt),
    };
  },
});

/** A relative of T5 as a family. */
export const encoderDecoder = (traits: T5Traits): Family => ({
  modelType: traits.modelType,
  kind: 'encoder-decoder',
  promptMark: 'closed',
  targets: T5_TARGETS,
  read: (json) => {
    const config = parseT5Config(traits, json);
    return {
      config: { kind: 'encoder-decoder', ...config },
      shapes: t5ParameterShapes(config),
      networkOn: (device, { sourceLength, targetLength, byPrompt }, endIds = config.endIds) =>
        new T5Network(device, { ...config, endIds }, Math.max(sourceLength, targetLength + 1), byPrompt),
    };
  },
});

/** All supported families; a new one takes a line here, and traits next to the code that reads its config. */
export const FAMILIES: readonly Family[] = [...T5_FAMILY.map(encoderDecoder), ...DECODER_TRAITS.map(decoderOnly)];

/**
 * The family of a config.json.
 *
 * @throws GorpError `model/bad-config` if it is not a JSON object; `model/unknown-family`, naming the nearest one.
 */
export function familyOf(config: unknown): Family {
  const fields = ConfigReader.from(config, 'language').all;
  const found = FAMILIES.find(({ modelType }) => modelType === fields['model_type']);
  if (found) return found;
  throw unknownFamily(
    fields,
    FAMILIES.map(({ modelType, read }) => ({ modelType, parse: read })),
  );
}

/** How relatives of supported families differ, by `model_type`, if their config.json does not say it. */
const RELATIVES: Readonly<Record<string, readonly [nearest: string, differs: string]>> = {
  mt5: ['t5', 'this model has not been compared with transformers yet'],
  longt5: ['t5', 'the encoder of this model sees a window of the source'],
  phi3: ['llama', 'this model stores queries, keys and values in one matrix'],
  granite: ['llama', 'this model scales embeddings, residuals and logits'],
  olmo2: ['llama', 'this model has norms after its blocks, not before'],
  ministral: ['mistral', 'layers of this model see windows of different kinds'],
  mixtral: ['mistral', 'this model is a mixture of experts'],
  qwen3_next: ['qwen3', 'this model is a mixture of experts with linear attention'],
  gemma: ['gemma3_text', 'this model has no norms after its blocks or in heads'],
  gemma2: ['gemma3_text', 'this model caps scores and logits (attn_logit_softcapping)'],
  gemma3: ['gemma3_text', 'this model reads images as well; the text-only files of this family say gemma3_text'],
  gemma3n: ['gemma3_text', 'this model reads images and sound, and has embeddings in every layer'],
  gemma3n_text: ['gemma3_text', 'this model has embeddings in every layer'],
};

/** Fields that count the experts of a mixture. */
const EXPERTS = ['num_experts', 'num_local_experts', 'n_routed_experts'];
/** Fields that describe inputs other than text. */
const INPUTS: Readonly<Record<string, string>> = { vision_config: 'images', audio_config: 'sound' };

/** A family for comparison in {@link unknownFamily}. */
interface KnownFamily {
  readonly modelType: string;
  readonly parse: (config: unknown) => unknown;
}

/**
 * The error for an unsupported `model_type`: it names the nearest supported family, and what differs.
 *
 * @param families all supported ones, those that others resemble most first.
 */
function unknownFamily(config: Readonly<Record<string, unknown>>, families: readonly KnownFamily[]): GorpError {
  const { model_type: type } = config;
  const names = families.map(({ modelType }) => modelType).join(', ');
  const nextStep = `Choose a model whose config.json has one of these as model_type: ${names}.`;
  if (typeof type !== 'string') {
    return new GorpError(
      'model/unknown-family',
      `config.json has no model_type, so the model family is unknown.`,
      nextStep,
    );
  }
  const [nearest, differs] = (Object.hasOwn(RELATIVES, type) && RELATIVES[type]) || compared(type, config, families);
  return new GorpError(
    'model/unknown-family',
    `Models of the family ${type} are not supported. The nearest supported family is ${nearest}; ${differs}.`,
    nextStep,
  );
}

/**
 * The family whose name begins like this one, or of the same kind; and what no supported family has, or the first field
 * that the nearest one does not support.
 */
function compared(
  type: string,
  config: Readonly<Record<string, unknown>>,
  families: readonly KnownFamily[],
): readonly [nearest: string, differs: string] {
  const shared = (name: string): number => {
    let length = 0;
    while (length < name.length && name[length] === type[length]) length++;
    return length;
  };
  const isKind = ({ modelType }: KnownFamily): boolean =>
    (config['is_encoder_decoder'] === true) === modelType.endsWith('t5');
  const known = families.filter(isKind);
  const nearest = known.reduce((a, b) => (shared(b.modelType) > Math.max(2, shared(a.modelType)) ? b : a));
  const foreign = foreignParts(config);
  if (foreign !== null) return [nearest.modelType, foreign];
  try {
    nearest.parse({ ...config, model_type: nearest.modelType, architectures: undefined });
  } catch (thrown) {
    return [
      nearest.modelType,
      `read as ${nearest.modelType}, it is refused: ${reportOf(thrown).message.replace(/\.$/, '')}`,
    ];
  }
  return [nearest.modelType, 'the fields of this model match, but its results have not been compared'];
}

/** Experts and inputs other than text, by the fields of a config.json; null if it names none. */
function foreignParts(config: Readonly<Record<string, unknown>>): string | null {
  const { text_config: text } = config;
  const fields = { ...(typeof text === 'object' ? text : null), ...config };
  const parts = EXPERTS.some((name) => Number(fields[name] ?? 0) > 1) ? ['is a mixture of experts'] : [];
  const inputs = Object.entries(INPUTS).flatMap(([name, what]) => (fields[name] ? [what] : []));
  if (inputs.length > 0) parts.push(`reads ${inputs.join(' and ')} as well`);
  return parts.length > 0 ? `this model ${parts.join(' and ')}` : null;
}
