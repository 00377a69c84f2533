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
