/**
 * `npm run test:wgpu`: the kernels' tests and a run on wgpu, the WebGPU of Firefox, which Deno brings. Deno is fetched from
 * npm when it is not there. The run's losses are compared with those of Dawn in Node.
 */
import { type Command, projectPath, runOrFail } from '../setup/process.ts';
import { KERNEL_TESTS } from './kernel-tests.ts';
import { checkRun, trainQuick } from './losses.ts';

const DENO = 'deno@2.9.6';
const npx: Command = [process.platform === 'win32' ? 'npx.cmd' : 'npx', '--yes', DENO];
const deno: Command = [...npx, 'run', '--allow-all', '--unstable-webgpu'];

// Deno starts no processes of its own kind for tests: they run in threads.
const threads = ['--pool=threads', '--max-workers=1'];

await runOrFail([...deno, projectPath('node_modules', 'vitest', 'vitest.mjs'), 'run', ...threads, ...KERNEL_TESTS]);
const reference = await trainQuick([process.execPath]);
checkRun(await trainQuick(deno), reference);
