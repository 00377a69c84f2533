import type { ModelTexts } from './model-folder.ts';

/** What planning a run needs to know about a model: a few KB, which can be sent between workers. */
export interface ModelOutline {
  /** The content of config.json, unchecked. */
  readonly config: unknown;
  /** The type of each tensor of a GGUF file by its name on the hub; null for other models, whose config tells. */
  readonly types: ReadonlyMap<string, string> | null;
}

export function modelOutline({ config, gguf }: Pick<ModelTexts, 'config' | 'gguf'>): ModelOutline {
  return { config, types: gguf ? new Map([...gguf.tensors].map(([name, { type }]) => [name, type.name])) : null };
}
