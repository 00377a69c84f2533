import { env, InferenceSession, Tensor } from 'onnxruntime-web/wasm';
import { noise } from '../../../src/testing/graphs.ts';
import type { OwnedContender } from '../../../src/bench/product.ts';
import { matmulModel } from './onnx.ts';

/** A product by onnxruntime-web on one thread of the CPU; the result is copied out, as reading requires. */
export async function ortCpuMatmul(M: number, K: number, N: number): Promise<OwnedContender> {
  env.logLevel = 'error';
  env.wasm.numThreads = 1;
  const session = await InferenceSession.create(matmulModel(M, K, N), { executionProviders: ['wasm'] });
  const A = new Tensor('float32', Float32Array.from(noise(M * K, 0)), [M, K]);
  const B = new Tensor('float32', Float32Array.from(noise(K * N, 1)), [K, N]);
  return {
    name: 'onnxruntime-web, 1 thread',
    run: async (times) => {
      for (let i = 0; i < times; i++) (await session.run({ A, B })).C.dispose();
    },
    destroy: () => void session.release(),
  };
}
