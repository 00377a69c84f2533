import { statSync } from 'node:fs';
import { expect, it } from 'vitest';
import { RUNTIME_FILE_BYTES } from './dtypes.ts';

it('states the size of the served files', () => {
  const size = (name: string): number =>
    statSync(new URL(`../../node_modules/onnxruntime-web/dist/${name}`, import.meta.url)).size;
  expect(RUNTIME_FILE_BYTES).toEqual({
    wasm: size('ort-wasm-simd-threaded.wasm'),
    webgpu: size('ort-wasm-simd-threaded.asyncify.wasm'),
  });
});
