import type { GgufDtype } from './dtypes.ts';

/** A model's name as part of a file name: the last part of its path, without a revision. */
const stemOf = (model: string): string =>
  (
    model
      .replace(/\/+$/, '')
      .split(/[/\\:]/)
      .at(-1) ?? ''
  )
    .replace(/@.*$/, '')
    .replace(/\.gguf$/, '')
    .replaceAll(/[^\w.-]+/g, '-')
    .replace(/^-+$/, '') || 'model';

/** What a merged model is called, without `.gguf`. @param method that trained it; undefined for a base model. */
export const mergedName = (model: string, method: string | undefined, dtype: GgufDtype): string =>
  [stemOf(model), ...(method === undefined ? [] : [method]), dtype].join('-');

/** What the adapter of a round is called, without `.gguf`. */
export const adapterName = (model: string, method: string): string => `${stemOf(model)}-${method}-adapter`;

/** The file of a base model, for an adapter: its own, or the one that an export of it writes. */
export const baseFile = (model: string): string =>
  `${model.endsWith('.gguf') ? stemOf(model) : mergedName(model, undefined, 'f16')}.gguf`;
