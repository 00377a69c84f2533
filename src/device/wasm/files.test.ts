import { expect, test } from 'vitest';
import { allowRelaxedSimd, wasmBytes } from '../../testing/wasm.ts';

// One export per family; their own tests call all of them.
const ENTRIES = ['setScratch', 'scratchBytes', 'matmul', 'attention', 'crossEntropyRows', 'rmsNorm'];

test.each(['plain', 'relaxed', 'plain-shared', 'relaxed-shared'])('%s.wasm can be loaded', (name) => {
  allowRelaxedSimd();
  const shared = name.endsWith('shared');
  const module = new WebAssembly.Module(wasmBytes(`${name}.wasm`));
  expect(WebAssembly.Module.imports(module)).toEqual([{ module: 'env', name: 'memory', kind: 'memory' }]);
  const memoryOf = (isShared: boolean): WebAssembly.Memory =>
    new WebAssembly.Memory({ initial: 64, maximum: 128, shared: isShared });
  const memory = memoryOf(shared);
  const { exports } = new WebAssembly.Instance(module, { env: { memory } });
  expect(Object.keys(exports)).toEqual(expect.arrayContaining(ENTRIES));
  expect(() => new WebAssembly.Instance(module, { env: { memory: memoryOf(!shared) } })).toThrow(/memory/);
  // Static data stays in the first 64 KiB.
  expect(new Uint8Array(memory.buffer, 65536).every((byte) => byte === 0)).toBe(true);
});
