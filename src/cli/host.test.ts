import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { nodeTaskReader } from './host.ts';

test('reads tasks from the folder that holds CL_Benchmark, or from CL_Benchmark itself', async () => {
  const root = mkdtempSync(join(tmpdir(), 'gorp-tasks-'));
  try {
    for (const folder of ['CL_Benchmark', 'configs']) mkdirSync(join(root, folder));
    writeFileSync(join(root, 'configs', 'a.json'), '{}');
    for (const named of [root, join(root, 'CL_Benchmark'), `${root}/CL_Benchmark/`]) {
      expect(await nodeTaskReader(named)('configs/a.json')).toBe('{}');
    }
    await expect(nodeTaskReader(root)('configs/b.json')).rejects.toMatchObject({ code: 'tasks/not-found' });
  } finally {
    rmSync(root, { recursive: true });
  }
});

test('finds the tasks of TRACE some folders deep, unless two folders hold as many', async () => {
  const root = mkdtempSync(join(tmpdir(), 'gorp-trace-'));
  const add = (folder: string, task: string): void => {
    mkdirSync(join(root, folder, task), { recursive: true });
    writeFileSync(join(root, folder, task, 'train.json'), folder);
  };
  try {
    add('TRACE-Benchmark/large', 'FOMC');
    add('TRACE-Benchmark/large', 'Py150');
    add('TRACE-Benchmark/small', 'FOMC');
    for (const named of [root, join(root, 'TRACE-Benchmark'), join(root, 'TRACE-Benchmark', 'large')]) {
      expect(await nodeTaskReader(named)('FOMC/train.json')).toBe('TRACE-Benchmark/large');
    }
    add('TRACE-Benchmark/small', 'ScienceQA');
    await expect(nodeTaskReader(root)('FOMC/train.json')).rejects.toMatchObject({ code: 'tasks/several-copies' });
  } finally {
    rmSync(root, { recursive: true });
  }
});
