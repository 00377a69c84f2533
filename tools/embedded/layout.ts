import type { SplitTask } from './split.ts';

/** The tasks' files by their paths, laid out as CL_Benchmark does, so that they are read by the same code. */
export function benchmarkFiles(tasks: readonly SplitTask[]): Map<string, string> {
  const files = new Map<string, string>();
  const instructions: Record<string, { instruction_type: string; instruction: string }[]> = {};
  for (const task of tasks) {
    const folder = `CL_Benchmark/${task.kind}/${task.name}`;
    const rows = (items: SplitTask['train']): string =>
      JSON.stringify(items.map(({ label, sentence }) => ({ label, sentence })));
    files.set(`${folder}/train.json`, rows(task.train));
    files.set(`${folder}/dev.json`, '[]');
    files.set(`${folder}/test.json`, rows(task.test));
    files.set(`${folder}/labels.json`, JSON.stringify(task.labels));
    instructions[task.kind] ??= [{ instruction_type: 'zero-shot', instruction: `${task.instruction}\n` }];
  }
  return files.set('configs/instruction_config.json', JSON.stringify(instructions, null, 1));
}
