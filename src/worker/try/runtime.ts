import gpuGlue from 'onnxruntime-web/ort-wasm-simd-threaded.asyncify.mjs?url';
import gpuBinary from 'onnxruntime-web/ort-wasm-simd-threaded.asyncify.wasm?url';
import cpuGlue from 'onnxruntime-web/ort-wasm-simd-threaded.mjs?url';
import cpuBinary from 'onnxruntime-web/ort-wasm-simd-threaded.wasm?url';
import { GorpError } from '../../base/errors.ts';
import type { Runtime } from '../../onnx/runtime/text-model.ts';

declare const self: DedicatedWorkerGlobalScope;

/**
 * onnxruntime-web from the app's own files: the small build for the CPU, or the one that has WebGPU too.
 *
 * @throws GorpError `worker/no-runtime` if its files cannot be loaded.
 */
export async function loadRuntime(provider: 'webgpu' | 'wasm'): Promise<Runtime> {
  try {
    const ort = await (provider === 'webgpu' ? import('onnxruntime-web/webgpu') : import('onnxruntime-web/wasm'));
    const [mjs, wasm] = provider === 'webgpu' ? [gpuGlue, gpuBinary] : [cpuGlue, cpuBinary];
    const here = (path: string): string => new URL(path, self.location.href).href;
    ort.env.wasm.wasmPaths = { mjs: here(mjs), wasm: here(wasm) };
    ort.env.logLevel = 'error';
    return ort;
  } catch (cause) {
    throw new GorpError(
      'worker/no-runtime',
      `onnxruntime-web could not be loaded: ${cause instanceof Error ? cause.message : String(cause)}.`,
      'Check that the server of the page is running, then try again.',
      { cause },
    );
  }
}
