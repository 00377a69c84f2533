import { familyOf } from '../models/families.ts';
import { decoderForm } from './decoder-form.ts';
import { t5Form } from './t5-form.ts';
import type { WrittenForm } from './written-form.ts';

/**
 * How llama.cpp computes the model of a config.json.
 *
 * @throws GorpError `model/no-gguf` if it does not, or not in the same way, naming the difference; as {@link familyOf}.
 */
export function writtenForm(json: unknown): WrittenForm {
  const { modelType, read } = familyOf(json);
  const { config } = read(json);
  return config.kind === 'decoder-only' ? decoderForm(modelType, config) : t5Form(config);
}
