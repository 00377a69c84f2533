/**
 * Builds what has changed, serves the built app on this machine and opens it.
 * `npm start -- [--port N] [--no-open]`; it also reads the variables PORT and CI (which opens nothing).
 */
import { parseArgs } from 'node:util';
import { preview } from 'vite';
import { buildApp } from '../setup/build.ts';
import { projectRoot } from '../setup/process.ts';

/** Not Vite's own default: weights and runs are stored per address, and other projects use that one. */
const DEFAULT_PORT = 5317;

const fail = (message: string): never => {
  console.error(message);
  process.exit(1);
};

/** The port asked for, or undefined where any free one will do. */
function portFrom(text: string | undefined): number | undefined {
  if (text === undefined || text === '') return undefined;
  const port = Number(text);
  if (Number.isInteger(port) && port > 0 && port < 65_536) return port;
  return fail(`"${text}" is not a port. Give a whole number from 1 to 65535.`);
}

function readOptions(): { port: number | undefined; open: boolean } {
  try {
    const { values } = parseArgs({ options: { port: { type: 'string' }, 'no-open': { type: 'boolean' } } });
    const onCi = process.env['CI'] !== undefined && process.env['CI'] !== 'false';
    const hasScreen = process.platform !== 'linux' || Boolean(process.env['DISPLAY'] ?? process.env['WAYLAND_DISPLAY']);
    return { port: portFrom(values.port ?? process.env['PORT']), open: !values['no-open'] && !onCi && hasScreen };
  } catch (error) {
    return fail(`${(error as Error).message}\nUsage: npm start -- [--port N] [--no-open]`);
  }
}

const { port, open } = readOptions();
try {
  await buildApp();
  const server = await preview({
    root: projectRoot,
    // `localhost` on purpose: WebGPU is offered only there and on https.
    preview: { host: 'localhost', port: port ?? DEFAULT_PORT, strictPort: port !== undefined, open },
    logLevel: 'warn',
  });
  const url = server.resolvedUrls?.local[0];
  console.log(`gorp-web is at ${url ?? ''}\nOpen it in a current browser. Ctrl+C stops the server.`);
} catch (error) {
  fail((error as Error).message);
}
