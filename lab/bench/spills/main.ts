import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { markdownTable } from '../../../src/base/markdown.ts';
import { projectPath, projectRoot } from '../../../tools/setup/process.ts';
import { readStatistics, type Statistics } from './statistics.ts';

const ICD = '/usr/share/vulkan/icd.d/radeon_icd.json';
const MISSING = 'Install what is missing, on Debian with "apt-get install mesa-vulkan-drivers libvulkan1 gcc".';

/** AMD's families that kernels are compiled for: RDNA 2 and RDNA 3. */
const FAMILIES = ['navi21', 'navi31'] as const;
type Family = (typeof FAMILIES)[number];

/**
 * Builds the stand-in for `libvulkan.so.1` (`null-device.c`).
 *
 * @returns its folder.
 * @throws Error when there is no C compiler, no Vulkan loader or no RADV.
 */
function buildNullDevice(): string {
  if (!existsSync(ICD)) throw new Error(`There is no ${ICD}, Mesa's driver of AMD cards. ${MISSING}`);
  const real = /libvulkan\.so\.1 .*=> (.*)/.exec(execFileSync('/sbin/ldconfig', ['-p'], { encoding: 'utf8' }))?.[1];
  if (real === undefined) throw new Error(`There is no libvulkan.so.1. ${MISSING}`);
  const folder = projectPath('build', 'spills');
  mkdirSync(folder, { recursive: true });
  const source = projectPath('lab', 'bench', 'spills', 'null-device.c');
  const options = ['-shared', '-fPIC', '-O1', `-DREAL_LIBRARY="${real}"`];
  try {
    execFileSync('cc', [...options, '-o', join(folder, 'libvulkan.so.1'), source, '-ldl'], { stdio: 'inherit' });
  } catch (cause) {
    throw new Error(`The C compiler cc could not compile ${source}. ${MISSING}`, { cause });
  }
  return folder;
}

/** The variables of a process whose Vulkan is RADV for a card that is not there, and that prints what it compiles. */
const nullDeviceVariables = (folder: string, family: Family): NodeJS.ProcessEnv => ({
  LD_LIBRARY_PATH: folder,
  VK_DRIVER_FILES: ICD,
  VK_ICD_FILENAMES: ICD, // for loaders older than 1.3.207
  AMD_FORCE_FAMILY: family,
  RADV_FORCE_FAMILY: family,
  // From the cache no statistics would come.
  RADV_DEBUG: 'shaderstats,nocache',
});

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

/** Runs a process that compiles all kernels for a family, and returns what it prints. */
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
