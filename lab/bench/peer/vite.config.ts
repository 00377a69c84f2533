import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/**
 * Bundles the products and the block step for the peers' harness, which serves one folder at a time: `lab/bench/peer` for
 * WebGPU, or `lab/bench/peer/cpu` for the WebAssembly device with `--mode cpu`.
 */
export default defineConfig(({ mode }) => ({
  publicDir: false,
  build: {
    target: 'esnext',
    outDir: at(mode === 'cpu' ? 'cpu/dist' : 'dist'),
    emptyOutDir: true,
    minify: false,
    lib: {
      entry:
        mode === 'cpu'
          ? { matmul: at('src/matmul-cpu.ts'), step: at('src/step-cpu.ts') }
          : { matmul: at('src/matmul.ts'), step: at('src/step.ts') },
      formats: ['es'],
    },
  },
}));
