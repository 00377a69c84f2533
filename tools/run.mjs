// Runs a TypeScript file of the project in Node the way Vite sees it (`?raw` shaders, `define`d constants):
//   node tools/run.mjs src/cli/main.ts study --help
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createServer } from 'vite';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
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
