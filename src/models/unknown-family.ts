import { GorpError, reportOf } from '../base/errors.ts';

/** What sets relatives of known families apart where their config.json does not say it, by `model_type`. */
const RELATIVES: Readonly<Record<string, readonly [nearest: string, differs: string]>> = {
  mt5: ['t5', 'nobody has compared this model with transformers yet'],
  longt5: ['t5', 'the encoder of this model sees a window of the source'],
  phi3: ['llama', 'this model has one matrix in place of the projections of queries, keys and values'],
  granite: ['llama', 'this model scales embeddings, residuals and logits'],
  olmo2: ['llama', 'this model has norms after its blocks in place of those before'],
  ministral: ['mistral', 'layers of this model see windows of different kinds'],
  mixtral: ['mistral', 'this model is a mixture of experts'],
  qwen3_next: ['qwen3', 'this model is a mixture of experts with linear attention'],
  gemma: ['gemma3_text', 'this model has no norms after its blocks and none in heads'],
  gemma2: ['gemma3_text', 'this model caps scores and logits (attn_logit_softcapping)'],
  gemma3: ['gemma3_text', 'this model reads images as well; the text-only files of this family say gemma3_text'],
  gemma3n: ['gemma3_text', 'this model reads images and sound, and has embeddings in every layer'],
  gemma3n_text: ['gemma3_text', 'this model has embeddings in every layer'],
};

/** Fields that count the experts of a mixture. */
const EXPERTS = ['num_experts', 'num_local_experts', 'n_routed_experts'];
/** Fields that describe the part of a model for other inputs than text. */
const INPUTS: Readonly<Record<string, string>> = { vision_config: 'images', audio_config: 'sound' };

/** A family as {@link unknownFamily} compares with it. */
export interface KnownFamily {
  readonly modelType: string;
  readonly parse: (config: unknown) => unknown;
}

/**
 * The error for a `model_type` that is not in the table of families: it names the nearest one that is, and what differs.
 *
 * @param families all that are known, those that others resemble most first.
 */
export function unknownFamily(config: Readonly<Record<string, unknown>>, families: readonly KnownFamily[]): GorpError {
  const { model_type: type } = config;
  const names = families.map(({ modelType }) => modelType).join(', ');
  const nextStep = `Choose a model whose config.json has one of these as model_type: ${names}.`;
  if (typeof type !== 'string') {
    return new GorpError(
      'model/unknown-family',
      `config.json says no model_type, so its family is not known.`,
      nextStep,
    );
  }
  const [nearest, differs] = (Object.hasOwn(RELATIVES, type) && RELATIVES[type]) || compared(type, config, families);
  return new GorpError(
    'model/unknown-family',
    `Models of the family ${type} are not known. The nearest known family is ${nearest}; ${differs}.`,
    nextStep,
  );
}

/**
 * The family whose name begins as this one does, or of the same kind; and what the model has that no known family has,
 * else the first field that the nearest one refuses.
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
    return [nearest.modelType, `read as one, ${reportOf(thrown).message.replace(/\.$/, '')}`];
  }
  return [nearest.modelType, 'the fields of this model are those of one, but nobody has compared what it computes'];
}

/** Experts and inputs besides text, by the fields of a config.json; null where it names none. */
function foreignParts(config: Readonly<Record<string, unknown>>): string | null {
  const { text_config: text } = config;
  const fields = { ...(typeof text === 'object' ? text : null), ...config };
  const parts = EXPERTS.some((name) => Number(fields[name] ?? 0) > 1) ? ['is a mixture of experts'] : [];
  const inputs = Object.entries(INPUTS).flatMap(([name, what]) => (fields[name] ? [what] : []));
  if (inputs.length > 0) parts.push(`reads ${inputs.join(' and ')} as well`);
  return parts.length > 0 ? `this model ${parts.join(' and ')}` : null;
}
