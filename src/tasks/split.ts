import { mixSeed, seededRandom, shuffled } from '../base/random.ts';
import type { Example } from './task.ts';

/**
 * Splits examples into a training and a test part. The test part gets about `testShare` of the texts of each label, and
 * at least one if there are two or more. Equal texts stay on one side, so that no test text is trained on.
 *
 * The same examples, share and seed give the same parts on every machine.
 *
 * @param testShare in (0, 1).
 * @returns both parts, each in the original order.
 */
export function splitExamples(
  examples: readonly Example[],
  testShare: number,
  seed: number,
): { train: Example[]; test: Example[] } {
  // Texts by their first label; a text with two labels counts only for that one.
  const textsOf = new Map<string, string[]>();
  const seen = new Set<string>();
  for (const { sentence, label } of examples) {
    if (seen.has(sentence)) continue;
    seen.add(sentence);
    const texts = textsOf.get(label);
    if (texts === undefined) textsOf.set(label, [sentence]);
    else texts.push(sentence);
  }
  const tested = new Set<string>();
  for (const [label, texts] of textsOf) {
    if (texts.length < 2) continue;
    const count = Math.min(texts.length - 1, Math.max(1, Math.round(testShare * texts.length)));
    const drawn = shuffled(texts, seededRandom(mixSeed(seed, 'split', label)));
    for (const text of drawn.slice(0, count)) tested.add(text);
  }
  return {
    train: examples.filter(({ sentence }) => !tested.has(sentence)),
    test: examples.filter(({ sentence }) => tested.has(sentence)),
  };
}
