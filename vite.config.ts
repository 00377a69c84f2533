import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import react from '@vitejs/plugin-react';
import { defaultClientConditions, defineConfig, type Plugin } from 'vite';
import { EMBEDDED_MODELS } from './src/weights/embedded-models.ts';
import { methodPage } from './tools/docs/method-page.ts';
import {
  contentSecurityPolicy,
  headersFile,
  ISOLATION_HEADERS,
  SECURITY_HEADERS,
} from './tools/headers/security-headers.ts';
import { bundledLicenses } from './tools/licenses/bundled-licenses.ts';

const { version } = JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8')) as { version: string };

/** Short hash of the commit that is built, for the results file; a copy without its history has none. */
function commit(): string {
  try {
    // Of this repository, wherever the program is started.
    return execFileSync('git', ['-C', fileURLToPath(new URL('.', import.meta.url)), 'rev-parse', '--short', 'HEAD'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    })
      .toString()
      .trim();
  } catch {
    return 'unknown';
  }
}

/** Names the content of a bundled model, so that a browser's cached copy of another one is not used. */
function modelVersion(folder: string): string {
  const hash = createHash('sha256');
  for (const file of ['config.json', 'model.safetensors', 'tokenizer.json', 'tokenizer_config.json']) {
    hash.update(readFileSync(new URL(`public/embedded/${folder}/${file}`, import.meta.url)));
  }
  return hash.digest('hex').slice(0, 16);
}

/** Writes the policy into the page, for hosts that send no headers, and `_headers` beside it, for those that read it. */
function securityPolicy(): Plugin {
  let developing = false;
  return {
    name: 'security-policy',
    configResolved: ({ command }) => {
      developing = command === 'serve';
    },
    transformIndexHtml: (html) => html.replace('%CONTENT_SECURITY_POLICY%', contentSecurityPolicy({ developing })),
    generateBundle() {
      this.emitFile({ type: 'asset', fileName: '_headers', source: headersFile() });
    },
  };
}

/** Sends files as they are: between programs of one machine, compressing takes longer than sending. */
const uncompressed: Plugin = {
  name: 'uncompressed',
  configurePreviewServer: ({ middlewares }) => {
    middlewares.use((request, _, next) => {
      delete request.headers['accept-encoding'];
      next();
    });
  },
};

/** The constants that the code knows about its build. */
export const constants = {
  __APP_VERSION__: JSON.stringify(version),
  __APP_COMMIT__: JSON.stringify(commit()),
  __MODEL_VERSIONS__: JSON.stringify(
    Object.fromEntries(EMBEDDED_MODELS.map(({ folder }) => [folder, modelVersion(folder)])),
  ),
};

const licenses = bundledLicenses();

export default defineConfig({
  // Relative addresses, so that the built page also works in a subfolder of a site.
  base: './',
  // onnxruntime-web without a bundled copy of the files that are served beside it.
  resolve: { conditions: ['onnxruntime-web-use-extern-wasm', ...defaultClientConditions] },
  plugins: [react({ jsxImportSource: '#page' }), securityPolicy(), licenses.page, methodPage(), uncompressed],
  server: { headers: { ...ISOLATION_HEADERS } },
  // Serves `npm start` and the end-to-end tests.
  preview: { headers: { ...SECURITY_HEADERS } },
  define: constants,
  worker: { format: 'es', plugins: () => [licenses.worker()] },
  // No sizes after compression: compressing the runtime of ONNX for them takes seconds.
  build: { target: 'esnext', outDir: 'dist', reportCompressedSize: false },
});
