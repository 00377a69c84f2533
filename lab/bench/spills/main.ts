import { spawn } from 'node:child_process';
import { projectPath, projectRoot } from '../../../tools/setup/process.ts';
import { markdownTable } from '../../../src/base/markdown.ts';
import { buildNullDevice, FAMILIES, type Family, nullDeviceVariables } from './null-device.ts';
import { readStatistics, type Statistics } from './statistics.ts';

/**
 * Compiles every kernel that a graphics card may run for AMD's, without a card, and prints registers, spills and waves.
 *
 * @returns 1 when a kernel spills.
 */
export async function main(): Promise<number> {
  const folder = buildNullDevice();
  const found: Map<string, Statistics>[] = [];
  for (const family of FAMILIES) found.push(readStatistics(await compileFor(family, folder)));
  const [{ size }] = found;
  const names = [...(found[0] ?? new Map<string, Statistics>()).keys()].sort();
  const cells = (name: string): string[] =>
    found.flatMap((of) => {
      const { registers, spilled, waves, scratch } = of.get(name) as Statistics;
      return [registers, spilled > 0 ? `**${spilled}**` : 0, waves, scratch].map(String);
    });
  const columns = FAMILIES.flatMap((family) => [`registers, ${family}`, 'spilled', 'waves', 'scratch bytes']);
  console.log(
    markdownTable(
      ['kernel', ...columns],
      names.map((name) => [name, ...cells(name)]),
    ),
  );
  const spilling = names.filter((name) => found.some((of) => (of.get(name)?.spilled ?? 0) > 0));
  console.log(
    `\n${size} kernels by name, ${spilling.length} that spill${spilling.map((name) => `\n✗ ${name}`).join('')}`,
  );
  return spilling.length > 0 ? 1 : 0;
}

/** What a process prints that compiles all kernels for a family. */
function compileFor(family: Family, folder: string): Promise<string> {
  const command = [projectPath('tools', 'run.mjs'), projectPath('lab', 'bench', 'spills', 'compile.ts')];
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, command, {
      cwd: projectRoot,
      stdio: ['ignore', 'inherit', 'pipe'],
      env: { ...process.env, ...nullDeviceVariables(folder, family) },
    });
    let output = '';
    child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) resolve(output);
      else reject(new Error(`compiling for ${family} ended with exit code ${code}:\n${output.slice(-2000)}`));
    });
  });
}
