import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import react from '@vitejs/plugin-react';
import { defineConfig, type Plugin } from 'vite';

const { version } = JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8')) as { version: string };

/** Short hash of the commit that is built, for the results file; a copy without its history has none. */
function commit(): string {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], { stdio: ['ignore', 'pipe', 'ignore'] })
      .toString()
      .trim();
  } catch {
    return 'unknown';
  }
}

/** Names the content of the bundled model, so that a browser's cached copy of another one is not used. */
function modelVersion(): string {
  const hash = createHash('sha256');
  for (const file of ['config.json', 'model.safetensors', 'tokenizer.json', 'tokenizer_config.json']) {
    hash.update(readFileSync(new URL(`public/embedded/model/${file}`, import.meta.url)));
  }
  return hash.digest('hex').slice(0, 16);
}

/** The development server injects inline scripts and styles and a socket, which the page's own policy forbids. */
function relaxPolicyWhileServing(): Plugin {
  return {
    name: 'relax-policy-while-serving',
    apply: 'serve',
    transformIndexHtml: (html) =>
      html
        .replace("script-src 'self'", "script-src 'self' 'unsafe-inline'")
        .replace("style-src 'self'", "style-src 'self' 'unsafe-inline'")
        .replace("connect-src 'self'", "connect-src 'self' ws:"),
  };
}

/** What the code knows of its build. */
export const constants = {
  __APP_VERSION__: JSON.stringify(version),
  __APP_COMMIT__: JSON.stringify(commit()),
  __MODEL_VERSION__: JSON.stringify(modelVersion()),
};

export default defineConfig({
  // Relative addresses, so that the built page also works from a folder of a site.
  base: './',
  plugins: [react(), relaxPolicyWhileServing()],
  define: constants,
  worker: { format: 'es' },
  build: { target: 'esnext', outDir: 'dist' },
});
