import { describe, expect, it } from 'vitest';
import { referencesWith } from '../testing/reference.ts';
import { instructionOf, instructionTemplate, promptFrame, promptOf } from './prompt.ts';

interface GoldenPrompt {
  task: string;
  dataset: string;
  sentence: string;
  labels_json: string[];
  source: string;
  instruction_template: string;
}

describe('promptOf', () => {
  const [PROMPTS, CONFIG] = ['golden/prompts.json', 'cl-benchmark/configs/instruction_config.json'];

  it.each(referencesWith(PROMPTS, CONFIG))('builds the exact prompts of $name', (reference) => {
    const instructions = reference.json<Record<string, { instruction: string }[] | undefined>>(CONFIG);
    const prompts = reference.json<GoldenPrompt[]>(PROMPTS);
    expect(prompts.length).toBeGreaterThan(0);
    for (const prompt of prompts) {
      const { task: kind, dataset: name, labels_json: labels } = prompt;
      const task = { kind, name, instruction: instructions[kind]?.[0].instruction ?? null, labels };
      expect(promptOf(task, prompt.sentence)).toBe(prompt.source);
      expect(instructionTemplate(task)).toBe(prompt.instruction_template);
      expect(instructionOf(prompt.instruction_template, labels)).toBe(task.instruction);
    }
  });

  it('leaves braces, dollar signs and line feeds of a sentence unchanged', () => {
    const task = { kind: 'TC', name: 'own', instruction: 'Which?\n', labels: ['a', 'b'] };
    expect(promptOf(task, '{0} $& $1\n')).toBe('Task:TC\nDataset:own\nWhich?\nOption: a, b \n{0} $& $1\n\nAnswer:');
  });

  it('omits the options without an instruction', () => {
    const task = { kind: 'COPA', name: 'COPA', instruction: null, labels: ['A', 'B'] };
    expect(promptFrame(task)).toEqual({ before: 'Task:COPA\nDataset:COPA\n', after: '\nAnswer:' });
  });
});
