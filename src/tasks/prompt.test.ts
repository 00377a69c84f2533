import { describe, expect, it } from 'vitest';
import { readGoldenJson } from '../testing/golden.ts';
import { hasShared } from '../testing/shared.ts';
import { promptFrame, promptOf } from './prompt.ts';

interface GoldenPrompt {
  task: string;
  dataset: string;
  sentence: string;
  labels_json: string[];
  source: string;
}

describe('promptOf', () => {
  it.skipIf(!hasShared)('builds the exact prompts of golden/prompts.json', () => {
    const instructions = readGoldenJson<Record<string, { instruction: string }[] | undefined>>(
      'cl-benchmark/configs/instruction_config.json',
    );
    const prompts = readGoldenJson<GoldenPrompt[]>('golden/prompts.json');
    expect(prompts.length).toBeGreaterThan(0);
    for (const { task: kind, dataset: name, sentence, labels_json: labels, source } of prompts) {
      const instruction = instructions[kind]?.[0].instruction ?? null;
      expect(promptOf({ kind, name, instruction, labels }, sentence)).toBe(source);
    }
  });

  it('keeps braces, dollar signs and line feeds of a sentence as they are', () => {
    const task = { kind: 'TC', name: 'own', instruction: 'Which?\n', labels: ['a', 'b'] };
    expect(promptOf(task, '{0} $& $1\n')).toBe('Task:TC\nDataset:own\nWhich?\nOption: a, b \n{0} $& $1\n\nAnswer:');
  });

  it('leaves out the options where there is no instruction', () => {
    const task = { kind: 'COPA', name: 'COPA', instruction: null, labels: ['A', 'B'] };
    expect(promptFrame(task)).toEqual({ before: 'Task:COPA\nDataset:COPA\n', after: '\nAnswer:' });
  });
});
