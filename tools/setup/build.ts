import { spawnSync } from 'node:child_process';
import { cpSync } from 'node:fs';
import { buildWasm } from '../wasm/build.ts';
import { nodeCommand, projectPath, projectRoot, runOrFail } from './process.ts';
import { runIfDue, stampFile, type Step } from './stamp.ts';

const EMBEDDED: Step = {
  // The lock file stands for the packages that the tasks are made from.
  inputs: ['tools/embedded', 'package-lock.json'],
  outputs: ['public/embedded/tasks', 'public/embedded/NOTICES.txt'],
};

/** The commit, which the app writes into its results; empty in a copy without its history. */
const commit = (): string =>
  spawnSync('git', ['rev-parse', 'HEAD'], { cwd: projectRoot, encoding: 'utf8' }).stdout?.trim() ?? '';

const APP: Step = {
  version: commit(),
  inputs: [
    'index.html',
    'src',
    'shaders',
    'build/wasm',
    'public',
    'tools/headers',
    'tools/licenses',
    'vite.config.ts',
    'tsconfig.json',
    'package.json',
    'package-lock.json',
  ],
  outputs: ['dist/index.html'],
};

const LIBRARY: Step = {
  version: commit(),
  inputs: [
    'src',
    'lab/study',
    'shaders',
    'build/wasm',
    'public/embedded/model',
    'public/embedded/llama',
    'vite.config.ts',
    'vite.lib.config.ts',
    'tsconfig.lib.json',
    'package-lock.json',
  ],
  outputs: [
    'dist-lib/index.js',
    'dist-lib/node.js',
    'dist-lib/cli.js',
    'dist-lib/types/index.d.ts',
    'dist-lib/wasm/thread.mjs',
  ],
};

/** The WebAssembly kernels, where out of date. */
export async function buildKernels(): Promise<void> {
  if (await buildWasm()) console.log('Built the WebAssembly kernels.');
}

/** The embedded tasks, where out of date. */
export async function buildEmbedded(): Promise<void> {
  await runIfDue(projectRoot, EMBEDDED, stampFile(projectRoot, 'embedded'), () => {
    console.log('Making the embedded tasks …');
    return runOrFail(nodeCommand('tsx/dist/cli.mjs', 'tools/embedded/build.ts'));
  });
}

/** Builds the kernels, the embedded tasks, then the app in `dist/`, each only when its inputs have changed. */
export async function buildApp(): Promise<void> {
  await buildKernels();
  await buildEmbedded();
  await runIfDue(projectRoot, APP, stampFile(projectRoot, 'app'), () => {
    console.log('Building the app …');
    return runOrFail(nodeCommand('vite/bin/vite.js', 'build'));
  });
}

/** Likewise builds the kernels, the embedded tasks, then the package's library and command line in `dist-lib/`. */
export async function buildLibrary(): Promise<void> {
  await buildKernels();
  await buildEmbedded();
  await runIfDue(projectRoot, LIBRARY, stampFile(projectRoot, 'library'), async () => {
    console.log('Building the library …');
    await runOrFail(nodeCommand('vite/bin/vite.js', 'build', '--config', 'vite.lib.config.ts', '--logLevel', 'warn'));
    await runOrFail(nodeCommand('typescript/bin/tsc', '-p', 'tsconfig.lib.json'));
    // Node's threads load their program as a file, and the kernels are read from disk.
    cpSync(projectPath('build', 'wasm'), projectPath('dist-lib', 'wasm'), { recursive: true });
  });
}
