import { readFileSync } from 'node:fs';
import { defineConfig } from 'vite';
import { constants } from './vite.config.ts';

interface Package {
  dependencies: Record<string, string>;
  optionalDependencies: Record<string, string>;
}
const { dependencies, optionalDependencies } = JSON.parse(
  readFileSync(new URL('package.json', import.meta.url), 'utf8'),
) as Package;

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
      // Their inner files too: a second copy of one would not be the one that the package uses.
      external: [
        /^node:/,
        ...Object.keys({ ...dependencies, ...optionalDependencies }).map((name) => new RegExp(`^${name}(?:/|$)`)),
      ],
    },
  },
});
