import { GorpError, reportOf } from '../base/errors.ts';

/** Why a family's graph cannot compute its known relatives, by `model_type`. */
const RELATIVES: Readonly<Record<string, readonly [nearest: string, differs: string]>> = {
  mt5: ['t5', 'it has not been compared with transformers yet'],
  switch_transformers: ['t5', 'it is a mixture of experts'],
  longt5: ['t5', 'its encoder sees a window of the source'],
  mllama: ['llama', 'it reads images as well'],
  llava: ['llama', 'it reads images as well'],
  llama4: ['llama', 'it is a mixture of experts that reads images as well'],
  llama4_text: ['llama', 'it is a mixture of experts'],
  phi3: ['llama', 'its projections of queries, keys and values are one matrix'],
  granite: ['llama', 'it scales embeddings, residuals and logits'],
  olmo2: ['llama', 'it has norms after its blocks, not before'],
  mixtral: ['mistral', 'it is a mixture of experts'],
  mistral3: ['mistral', 'it reads images as well'],
  pixtral: ['mistral', 'it reads images as well'],
  ministral: ['mistral', 'its layers see windows of different kinds'],
  qwen2_moe: ['qwen2', 'it is a mixture of experts'],
  qwen2_vl: ['qwen2', 'it reads images as well'],
  qwen2_5_vl: ['qwen2', 'it reads images as well'],
  qwen2_audio: ['qwen2', 'it hears sound as well'],
  qwen3_moe: ['qwen3', 'it is a mixture of experts'],
  qwen3_vl: ['qwen3', 'it reads images as well'],
  qwen3_next: ['qwen3', 'it is a mixture of experts with linear attention'],
  smolvlm: ['smollm3', 'it reads images as well'],
  gemma: ['gemma3_text', 'it has no norms after its blocks or in heads'],
  gemma2: ['gemma3_text', 'it caps scores and logits (attn_logit_softcapping)'],
  gemma3: ['gemma3_text', 'it reads images as well; the text-only files of this family say gemma3_text'],
  gemma3n: ['gemma3_text', 'it reads images and sound, and has embeddings in every layer'],
  gemma3n_text: ['gemma3_text', 'it has embeddings in every layer'],
};

/** A family for comparison in {@link unknownFamily}. */
export interface KnownFamily {
  readonly modelType: string;
  readonly parse: (config: unknown) => unknown;
}

/**
 * The error for an unsupported `model_type`: it names the nearest supported family, and what differs.
 *
 * @param families all supported ones, those that others resemble most first.
 */
export function unknownFamily(config: Readonly<Record<string, unknown>>, families: readonly KnownFamily[]): GorpError {
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

/** The family whose name begins like this one, or of the same kind, and the first field that it does not support. */
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
  try {
    nearest.parse({ ...config, model_type: nearest.modelType, architectures: undefined });
  } catch (thrown) {
    return [nearest.modelType, `read as one, ${reportOf(thrown).message.replace(/\.$/, '')}`];
  }
  return [nearest.modelType, 'its fields match, but its results have not been compared'];
}
