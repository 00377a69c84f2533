import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';
import { constants } from '../../../vite.config.ts';

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
// Isolation gives the page a microsecond clock and lets other libraries use threads.
const headers = { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' };

/** The page in which `npm run bench` measures. */
export default defineConfig({
  root: at('.'),
  publicDir: at('../../../public'),
  define: constants,
  build: { target: 'esnext', outDir: at('../../../build/bench/page'), emptyOutDir: true },
  worker: { format: 'es' },
  preview: { host: '127.0.0.1', port: 0, headers },
});
