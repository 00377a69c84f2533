/**
 * `npm run test:lanes`: tests the kernels with subgroups of 4, 8 and 16 lanes, which Mesa's software adapter makes of
 * registers of 128, 256 and 512 bits (LP_NATIVE_VECTOR_WIDTH). For the widest it compiles slowly: minutes per kernel on
 * a busy machine.
 */
import { nodeCommand, projectPath, runOrFail } from '../setup/process.ts';
import { KERNEL_TESTS } from './kernel-tests.ts';

for (const lanes of [4, 8, 16]) {
  console.log(`\n── ${lanes} lanes ──`);
  await runOrFail(nodeCommand('vitest/vitest.mjs', 'run', '--testTimeout=600000', ...KERNEL_TESTS), {
    LP_NATIVE_VECTOR_WIDTH: String(32 * lanes),
    // Mesa's cache would return kernels that were compiled for another width.
    MESA_SHADER_CACHE_DIR: projectPath('build', 'lanes', String(lanes)),
  });
}
