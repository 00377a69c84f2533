import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { projectPath } from './setup/process.ts';

test('a program ends with its code, and all that it printed into a pipe arrives', () => {
  const folder = mkdtempSync(join(tmpdir(), 'gorp-run-'));
  try {
    const program = join(folder, 'program.ts');
    const print = (stream: string): string => `process.${stream}.write('x'.repeat(Number(args[0])));`;
    writeFileSync(
      program,
      `export async function main(args: string[]): Promise<number> { ${print('stdout')} ${print('stderr')} return 3; }`,
    );
    const args = [projectPath('tools', 'run.mjs'), program, '1000000'];
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { maxBuffer: 2 ** 24 });
    expect([status, stdout.length, stderr.length]).toEqual([3, 1_000_000, 1_000_000]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
