import { readFileSync } from 'node:fs';
import { nodeCommand, run } from '../setup/process.ts';
import { probeAdapter, swiftShaderOf } from './adapter.ts';
import { findBrowser } from './browser.ts';

/** What the tests run on; undefined if not available. */
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
