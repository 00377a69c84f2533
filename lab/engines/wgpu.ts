/**
 * `npm run test:wgpu`: tests the kernels, and a run, on wgpu, the WebGPU of Firefox, which Deno includes. Downloads
 * Deno from npm if it is missing. The run's losses are compared with those of Dawn in Node.
 */
import { type Command, projectPath, runOrFail } from '../../tools/setup/process.ts';
import { KERNEL_TESTS } from './kernel-tests.ts';
import { checkRun, trainQuick } from './losses.ts';

const DENO = 'deno@2.9.6';
const npx: Command = [process.platform === 'win32' ? 'npx.cmd' : 'npx', '--yes', DENO];
const deno: Command = [...npx, 'run', '--allow-all', '--unstable-webgpu'];

const tests = ['run', '--config', 'vitest.wgpu.config.ts', ...KERNEL_TESTS];
await runOrFail([...deno, projectPath('node_modules', 'vitest', 'vitest.mjs'), ...tests]);
const reference = await trainQuick([process.execPath]);
checkRun(await trainQuick(deno), reference);
