import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { projectPath } from '../../../tools/setup/process.ts';

const ICD = '/usr/share/vulkan/icd.d/radeon_icd.json';
const MISSING = 'Install what is missing, on Debian with "apt-get install mesa-vulkan-drivers libvulkan1 gcc".';

/** AMD's families that kernels are compiled for: RDNA 2 and RDNA 3. */
export const FAMILIES = ['navi21', 'navi31'] as const;
export type Family = (typeof FAMILIES)[number];

/**
 * Builds the stand-in for `libvulkan.so.1` (`null-device.c`).
 *
 * @returns its folder.
 * @throws Error when there is no C compiler, no Vulkan loader or no RADV.
 */
export function buildNullDevice(): string {
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
export const nullDeviceVariables = (folder: string, family: Family): NodeJS.ProcessEnv => ({
  LD_LIBRARY_PATH: folder,
  VK_DRIVER_FILES: ICD,
  VK_ICD_FILENAMES: ICD, // for loaders older than 1.3.207
  AMD_FORCE_FAMILY: family,
  RADV_FORCE_FAMILY: family,
  // From the cache no statistics would come.
  RADV_DEBUG: 'shaderstats,nocache',
});
