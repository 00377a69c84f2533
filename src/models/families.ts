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
import { unknownFamily } from './unknown-family.ts';

/** Longest texts of a network, in tokens. */
interface TextLengths {
  readonly sourceLength: number;
  readonly targetLength: number;
}

/** The part of a config.json that changes the computation. */
export type ParsedConfig =
  | ({ readonly kind: 'encoder-decoder' } & Readonly<T5Config>)
  | ({ readonly kind: 'decoder-only' } & Readonly<DecoderConfig>);

/** A parsed config.json, and the network that it describes. */
interface ReadModel {
  readonly config: ParsedConfig;
  /** Parameters by Hugging Face name. */
  readonly shapes: ReadonlyMap<string, readonly number[]>;
  /** @throws GorpError `settings/text-too-long`. */
  readonly networkOn: (device: Device, lengths: TextLengths, endIds?: number[]) => Network;
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
      networkOn: (device, { sourceLength, targetLength }, endIds = config.endIds) =>
        new DecoderNetwork(device, { ...config, endIds }, sourceLength + targetLength),
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
      networkOn: (device, { sourceLength, targetLength }, endIds = config.endIds) =>
        new T5Network(device, { ...config, endIds }, Math.max(sourceLength, targetLength + 1)),
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
