import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';
import { constants } from '../../../vite.config.ts';

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** One script for Node with everything in it but Dawn. */
export default defineConfig({
  define: constants,
  publicDir: false,
  ssr: { noExternal: true, external: ['webgpu'] },
  build: {
    ssr: at('entry.ts'),
    target: 'node20',
    outDir: at('../../../build/bench-bundle/script'),
    emptyOutDir: true,
    rollupOptions: { output: { entryFileNames: 'bench.mjs' } },
  },
});
