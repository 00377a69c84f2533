import { spawnSync } from 'node:child_process';
import { existsSync, realpathSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { projectRoot } from '../setup/process.ts';

/** Asks Dawn for an adapter and prints its name. Its own process: Vulkan reads its variables once, at the start. */
const PROBE = `
  const { create } = await import('webgpu');
  const adapter = await create([]).requestAdapter();
  if (adapter) console.log(adapter.info.description || adapter.info.vendor || 'unnamed adapter');
  process.exit(adapter ? 0 : 1);
`;

/** Name of the adapter that Node's WebGPU gets with these variables; undefined when it gets none. */
export function probeAdapter(env: NodeJS.ProcessEnv = {}): string | undefined {
  const { status, stdout } = spawnSync(process.execPath, ['--input-type=module', '--eval', PROBE], {
    cwd: projectRoot,
    env: { ...process.env, ...env },
    encoding: 'utf8',
    timeout: 60_000,
  });
  return status === 0 ? stdout.trim() : undefined;
}

/**
 * Variables that let Dawn in Node use SwiftShader, the software Vulkan that comes with Chrome and Chromium on Linux.
 * @returns undefined if the browser's folder has none.
 */
export function swiftShaderOf(browser: string): NodeJS.ProcessEnv | undefined {
  if (process.platform !== 'linux') return undefined;
  // Debian's command is a script in another folder than the browser.
  const folders = [dirname(realpathSync(browser)), '/usr/lib/chromium', '/opt/google/chrome'];
  const folder = folders.find((candidate) => existsSync(join(candidate, 'vk_swiftshader_icd.json')));
  if (folder === undefined) return undefined;
  const driver = join(folder, 'vk_swiftshader_icd.json');
  const libraries = process.env['LD_LIBRARY_PATH'];
  return {
    VK_DRIVER_FILES: driver,
    // The same for Vulkan loaders older than 1.3.207.
    VK_ICD_FILENAMES: driver,
    // The browser's folder has a Vulkan loader as well, for systems without one.
    LD_LIBRARY_PATH: libraries ? `${libraries}${delimiter}${folder}` : folder,
  };
}
