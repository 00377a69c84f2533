import { defineConfig } from 'vite';
import { constants } from './vite.config.ts';

/** The package: the library for pages and Node, and the command line, with shaders inside; dependencies stay outside. */
export default defineConfig({
  define: constants,
  publicDir: false,
  build: {
    target: 'es2023',
    outDir: 'dist-lib',
    minify: false,
    lib: {
      entry: { index: 'src/index.ts', node: 'src/cli/index.ts', cli: 'src/cli/bin.ts' },
      formats: ['es'],
    },
    rollupOptions: {
      external: [/^node:/, /^(@huggingface\/tokenizers|fflate|idb-keyval|papaparse|valibot|webgpu)(\/|$)/],
    },
  },
});
