import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { nodeCommand, projectRoot } from '../../../tools/setup/process.ts';

const platform = process.platform === 'darwin' ? 'darwin-universal' : `${process.platform}-${process.arch}`;
const folder = mkdtempSync(join(tmpdir(), 'bench-bundle-'));
afterAll(() => rmSync(folder, { recursive: true }));

test('the bundle runs outside the project with nothing but Node', { timeout: 900_000 }, () => {
  const [program, ...args] = nodeCommand(
    'tsx/dist/cli.mjs',
    'lab/bench/bundle/build.ts',
    '--platform',
    platform,
    '--out',
    folder,
  );
  execFileSync(program, args, { cwd: projectRoot });
  const own = join(folder, platform);
  const printed = execFileSync(process.execPath, ['bench.mjs', '--out', 'results'], { cwd: own, encoding: 'utf8' });
  const { adapter, parts } = JSON.parse(readFileSync(join(own, 'results', 'results.json'), 'utf8')) as {
    adapter: { software: boolean };
    parts: { name: string; status: string; reason?: string }[];
  };
  expect(parts.find(({ name }) => name === 'embedded model')?.status).toBe('measured');
  if (adapter.software) {
    const others = parts.filter(({ name }) => name !== 'embedded model');
    expect(new Set(others.map(({ reason }) => reason))).toEqual(new Set(['the adapter computes on the CPU']));
  }
  const table = readFileSync(join(own, 'results', 'results.md'), 'utf8');
  for (const { name } of parts) expect(table).toContain(`## ${name}`);
  expect(printed).toContain(table.trim());
});
