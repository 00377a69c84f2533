import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** Bundles the project's kernels and block step for the peers' harness. */
export default defineConfig({
  publicDir: false,
  build: {
    target: 'esnext',
    outDir: at('dist'),
    emptyOutDir: true,
    minify: false,
    lib: {
      entry: {
        matmul: at('src/matmul.ts'),
        step: at('src/step.ts'),
        'matmul-cpu': at('src/matmul-cpu.ts'),
        'step-cpu': at('src/step-cpu.ts'),
      },
      formats: ['es'],
    },
  },
});
