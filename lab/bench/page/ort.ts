import { env, InferenceSession, Tensor } from 'onnxruntime-web/webgpu';
import { mixSeed, seededRandom } from '../../../src/base/random.ts';
import type { OwnedContender } from '../../../src/bench/product.ts';
import { matmulModel } from './onnx.ts';

/** A product by onnxruntime-web's WebGPU provider; operands and results stay on its device. */
export async function ortMatmul(M: number, K: number, N: number): Promise<OwnedContender> {
  env.logLevel = 'error';
  env.wasm.numThreads = 1; // the graph's host side; its kernels are WebGPU's
  const session = await InferenceSession.create(matmulModel(M, K, N), {
    executionProviders: ['webgpu'],
    preferredOutputLocation: 'gpu-buffer',
  });
  const device = await env.webgpu.device;
  const operand = (seed: number, ...dims: [number, number]): [Tensor, GPUBuffer] => {
    const random = seededRandom(mixSeed(seed, 'bench'));
    const values = Float32Array.from({ length: dims[0] * dims[1] }, () => 2 * random.next() - 1);
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC;
    const buffer = device.createBuffer({ size: values.byteLength, usage });
    device.queue.writeBuffer(buffer, 0, values);
    return [Tensor.fromGpuBuffer(buffer, { dataType: 'float32', dims }), buffer];
  };
  const [A, bufferA] = operand(0, M, K);
  const [B, bufferB] = operand(1, K, N);
  return {
    name: 'onnxruntime-web',
    run: async (times) => {
      for (let i = 0; i < times; i++) (await session.run({ A, B })).C.dispose();
      await device.queue.onSubmittedWorkDone();
    },
    destroy: () => {
      bufferA.destroy();
      bufferB.destroy();
      void session.release();
    },
  };
}
