import type { KnownModel } from '../run/models/open-network.ts';
import type { GgufValue } from '../weights/gguf/values.ts';
import type { ModelTexts } from '../weights/model-folder.ts';
import { bpeValues } from './bpe-values.ts';
import { noGguf, readTokenizerJson } from './tokenizer-json.ts';
import { unigramValues } from './unigram-values.ts';
import { vocabularyOf } from './vocabulary.ts';

const KEY = 'tokenizer.ggml.';

/**
 * A model's tokenizer as the metadata of a GGUF file, such that llama.cpp gives a text the same tokens.
 *
 * @throws GorpError `text/no-gguf` if it cannot, with the reason.
 */
export function tokenizerValues(texts: Pick<ModelTexts, 'tokenizer'>, known: KnownModel): Map<string, GgufValue> {
  const json = readTokenizerJson(texts.tokenizer);
  const { model } = json;
  const vocabulary = vocabularyOf(json, known.config.vocabSize);
  const { tokens, types } = vocabulary;
  const values: Record<string, GgufValue> = {
    tokens: { type: 'array', of: 'string', items: tokens },
    token_type: { type: 'array', of: 'int32', items: types },
    ...(model.type === 'BPE'
      ? bpeValues({ ...json, model }, vocabulary)
      : unigramValues({ ...json, model }, vocabulary)),
    ...specialIds(known),
  };
  return new Map(Object.entries(values).map(([key, value]) => [KEY + key, value]));
}

function specialIds({ tokenizer, endIds }: KnownModel): Record<string, GgufValue> {
  const { bosId, eosId, padId, unkId, written } = tokenizer;
  const around = tokenizer.encodePrompt('');
  const addsBos = around.length > 0 && around[0] === bosId;
  const addsEos = around.length > 0 && around.at(-1) === eosId && !(addsBos && around.length === 1);
  if (around.length > Number(addsBos) + Number(addsEos)) {
    throw noGguf('it puts more around a text than the tokens that begin and end texts');
  }
  const others = endIds.filter((id) => id !== eosId);
  if (others.length > 2) throw noGguf(`${endIds.length} tokens end an answer, more than a file can name`);
  const named: [string, number | null | undefined][] = [
    ['bos', bosId],
    ['eos', eosId],
    ['eot', others.at(0)],
    ['eom', others.at(1)],
    ['unknown', unkId],
    ['padding', written.pad_token === null ? null : padId],
  ];
  const ids = named.filter((one): one is [string, number] => one[1] != null);
  return {
    ...Object.fromEntries(ids.map(([name, value]) => [`${name}_token_id`, { type: 'uint32', value }])),
    add_bos_token: { type: 'bool', value: addsBos },
    add_eos_token: { type: 'bool', value: addsEos },
  };
}
