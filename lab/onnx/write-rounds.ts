/**
 * Writes what `read_back.py` reads: tiny models of every family, trained by a method with adapters only and by one that
 * also trains weights; their rounds, merged weights and ONNX exports; the answers of this engine; and the programs
 * that the page shows for them.
 *
 *     node tools/run.mjs lab/onnx/write-rounds.ts FOLDER
 */
import { join } from 'node:path';
import { snippetsFor } from '../../src/app/tabs/results/use-snippets.ts';
import { writeText } from '../../src/cli/round-folder.ts';
import { promptOfPrediction, type Prediction } from '../../src/run/files/predictions.ts';
import type { RoundUse } from '../../src/run/files/round-use.ts';
import { TRAINABLE_FAMILIES, writeTrained } from '../../src/testing/trained-families.ts';

const METHODS = ['seq-lora', 'gorp-plus'] as const;

export async function main([folder]: string[]): Promise<number> {
  if (folder === undefined) {
    console.error('Usage: node tools/run.mjs lab/onnx/write-rounds.ts FOLDER');
    return 2;
  }
  for (const family of TRAINABLE_FAMILIES) {
    for (const method of METHODS) {
      const name = `${family.family}-${method}`;
      const { use: found, merged, answers } = await writeTrained(join(folder, name), family, method);
      const use = { ...found, example: exampleOf(answers) };
      const facts = {
        merged,
        use,
        prompts: answers.map(promptOfPrediction),
        answers: answers.map(({ written }) => written),
        programs: snippetsFor(use, { onnx: 'f32', gguf: 'f16' }).map(({ id, code }) => ({ id, code })),
      };
      await writeText(join(folder, name, 'facts.json'), JSON.stringify(facts));
      console.log(`${name}: ${new Set(facts.answers).size} different answers to ${answers.length} prompts`);
    }
  }
  return 0;
}

/** An answer without bytes that are invalid UTF-8, which random models write and programs show differently. */
function exampleOf(answers: readonly Prediction[]): RoundUse['example'] {
  const shown = answers.find(({ written }) => !written.includes('\ufffd')) ?? answers[0];
  return { prompt: promptOfPrediction(shown), answer: shown.written, task: shown.task, text: shown.sentence };
}
