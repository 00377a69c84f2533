/** `npm run bench:bundle`: a folder for each platform that measures gorp-web with plain Node and a graphics driver. */
import { cpSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { formatBytes } from '../../../src/base/units.ts';
import { buildEmbedded, buildKernels } from '../../../tools/setup/build.ts';
import { nodeCommand, projectPath, runOrFail } from '../../../tools/setup/process.ts';

const LIMIT = 60 * 2 ** 20;
const DAWN = projectPath('node_modules', 'webgpu');
const platforms = readdirSync(join(DAWN, 'dist'));

const { values } = parseArgs({
  options: {
    platform: { type: 'string', default: platforms.join(',') },
    out: { type: 'string', default: projectPath('build', 'bench-bundle') },
  },
});
const chosen = values.platform.split(',');
const unknown = chosen.filter((name) => !platforms.includes(name));
if (unknown.length > 0) throw new Error(`no Dawn for ${unknown.join(', ')}; there is ${platforms.join(', ')}`);

await buildKernels();
await buildEmbedded();
await runOrFail(
  nodeCommand('vite/bin/vite.js', 'build', '--config', 'lab/bench/bundle/vite.config.ts', '--logLevel', 'warn'),
);
for (const platform of chosen) {
  const folder = join(values.out, platform);
  const bytes = fill(folder, platform);
  if (bytes > LIMIT) throw new Error(`${folder} has ${formatBytes(bytes)}, more than ${formatBytes(LIMIT)}`);
  console.log(`${folder}: ${formatBytes(bytes)}; run node bench.mjs in it`);
}

/** Puts the script, Dawn, the CPU's kernels, the embedded model and its tasks into a folder. @returns its bytes. */
function fill(folder: string, platform: string): number {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const dawn = join(folder, 'node_modules', 'webgpu');
  const copies: [from: string, to: string][] = [
    [projectPath('build', 'bench-bundle', 'script'), folder],
    ...['package.json', 'index.js', 'LICENSE.md', join('dist', platform)].map((path): [string, string] => [
      join(DAWN, path),
      join(dawn, path),
    ]),
    [projectPath('build', 'wasm'), join(folder, 'wasm')],
    ...['model', 'tasks', 'NOTICES.txt'].map((path): [string, string] => [
      projectPath('public', 'embedded', path),
      join(folder, 'public', 'embedded', path),
    ]),
    [projectPath('LICENSE'), join(folder, 'LICENSE')],
  ];
  for (const [from, to] of copies) cpSync(from, to, { recursive: true, dereference: true });
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).size, 0);
}
