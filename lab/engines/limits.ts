/** `npm run test:limits`: the kernels' tests on a device with WebGPU's default limits and no optional feature. */
import { nodeCommand, runOrFail } from '../../tools/setup/process.ts';
import { KERNEL_TESTS } from './kernel-tests.ts';

await runOrFail(nodeCommand('vitest/vitest.mjs', 'run', ...KERNEL_TESTS), { GORP_TEST_GPU: 'plain' });
