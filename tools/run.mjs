// Runs a TypeScript file of the project in Node the way Vite sees it (`?raw` shaders, `define`d constants):
//   node tools/run.mjs src/cli/main.ts study --help
// On a fresh clone it first installs the packages, and makes the kernels for the CPU and the embedded tasks.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { prepare } from './setup/install.mjs';

prepare();
const root = join(dirname(fileURLToPath(import.meta.url)), '..');
for (const [made, program] of [
  ['build/wasm', 'tools/wasm/build.ts'],
  ['public/embedded/tasks', 'tools/embedded/build.ts'],
]) {
  if (existsSync(join(root, made))) continue;
  // What they print goes to stderr: stdout belongs to the program that is run.
  const { status } = spawnSync(process.execPath, ['--import', 'tsx', program], { cwd: root, stdio: ['ignore', 2, 2] });
  if (status !== 0) process.exit(status ?? 1);
}
const { createServer } = await import('vite');
const [file, ...rest] = process.argv.slice(2);
const server = await createServer({
  root,
  server: { middlewareMode: true, hmr: false, ws: false, watch: null },
  appType: 'custom',
  optimizeDeps: { noDiscovery: true },
  logLevel: 'error',
});
process.argv = [process.argv[0], resolve(root, file), ...rest];
const { exitWhenWritten, ignoreClosedOutput } = await server.ssrLoadModule(join(root, 'src', 'cli', 'exit.ts'));
ignoreClosedOutput();
const { main } = await server.ssrLoadModule(resolve(root, file));
await exitWhenWritten(await main(rest));
