import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { nodeCommand, projectRoot, run } from '../setup/process.ts';
import { findBrowser } from './browser.ts';

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

/** The ground on which the tests run; undefined if not available. */
export interface TestGround {
  browser: string | undefined;
  /** Name of the adapter that Node's WebGPU gets with `env`. */
  adapter: string | undefined;
  /** Variables for every test process. */
  env: NodeJS.ProcessEnv;
}

/** `ID` of the Linux distribution (`debian`, `ubuntu`) where one may install its packages, else undefined. */
function ownDistribution(): string | undefined {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return undefined;
  try {
    return /^ID="?(\w+)"?$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1];
  } catch {
    return undefined;
  }
}

async function aptInstall(packages: string[]): Promise<void> {
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  console.log(`Installing ${packages.join(', ')} with apt-get …`);
  // A failed update may still leave lists good enough to install from, so try to install anyway.
  await run(['apt-get', 'update', '-qq'], env);
  await run(['apt-get', 'install', '-y', '-qq', '--no-install-recommends', ...packages], env);
}

async function installPlaywrightBrowser(withLibraries: boolean): Promise<void> {
  console.log("Downloading Playwright's Chromium …");
  const libraries = withLibraries ? ['--with-deps'] : [];
  await run(nodeCommand('@playwright/test/cli.js', 'install', ...libraries, 'chromium'));
}

/**
 * Finds the browser and the WebGPU adapter for the tests, and installs what is missing: with apt-get as root on Debian
 * and Ubuntu, else with Playwright's download, whose SwiftShader also serves Node.
 */
export async function provideTestGround(): Promise<TestGround> {
  let browser = findBrowser();
  let adapter = probeAdapter();

  const distribution = ownDistribution();
  if (distribution === 'debian' || distribution === 'ubuntu') {
    const packages: string[] = [];
    // Ubuntu has no such package, and its Chromium is a snap, which does not work in a container.
    if (browser === undefined && distribution === 'debian') packages.push('chromium-headless-shell');
    if (adapter === undefined) packages.push('mesa-vulkan-drivers', 'libvulkan1');
    if (packages.length > 0) await aptInstall(packages);
    browser ??= findBrowser();
    adapter ??= probeAdapter();
  }
  if (browser === undefined) {
    await installPlaywrightBrowser(distribution !== undefined);
    browser = findBrowser();
  }
  const env: NodeJS.ProcessEnv = browser === undefined ? {} : { CHROME_PATH: browser };
  if (adapter === undefined && browser !== undefined) {
    Object.assign(env, swiftShaderOf(browser));
    adapter = probeAdapter(env);
  }
  return { browser, adapter, env };
}
