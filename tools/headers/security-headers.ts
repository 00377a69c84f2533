/** The single source of what the page and its workers may do, for `npm start`, `_headers` and index.html. */

/**
 * Content-Security-Policy: scripts, styles and workers from this server only. Data may come from https and from this
 * machine: models and tasks by address; `data:` leads nowhere else, and a decompressor is loaded from one.
 * `wasm-unsafe-eval` lets WebAssembly be compiled; JavaScript from text stays forbidden.
 */
const CONTENT_SECURITY_POLICY: Readonly<Record<string, string>> = {
  'default-src': "'none'",
  'script-src': "'self' 'wasm-unsafe-eval'",
  'worker-src': "'self'",
  'style-src': "'self'",
  'img-src': "'self' data: blob:",
  'font-src': "'self'",
  'connect-src': "'self' data: https: http://localhost:* http://127.0.0.1:*",
  'base-uri': "'none'",
  'form-action': "'none'",
};

/** The policy that a development server needs besides: it injects inline scripts and styles, and opens a socket. */
const WHILE_DEVELOPING: Readonly<Record<string, string>> = {
  'script-src': " 'unsafe-inline'",
  'style-src': " 'unsafe-inline'",
  'connect-src': ' ws:',
};

/** The policy as one line, for a header or a `<meta>`. */
export const contentSecurityPolicy = ({ developing = false } = {}): string =>
  Object.entries(CONTENT_SECURITY_POLICY)
    .map(([directive, sources]) => `${directive} ${sources}${(developing && WHILE_DEVELOPING[directive]) || ''}`)
    .join('; ');

/** COOP and COEP: the page shares memory with nobody else, so that browsers let its workers share memory. */
export const ISOLATION_HEADERS: Readonly<Record<string, string>> = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};

/**
 * Headers for the page and for every other file. Workers need them too: a worker loaded by address follows the policy
 * of its own response, not the page's.
 */
export const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  'Content-Security-Policy': contentSecurityPolicy(),
  ...ISOLATION_HEADERS,
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  // A `<meta>` cannot say this, so on hosts that send no headers the page itself refuses (src/app/main.tsx).
  'X-Frame-Options': 'DENY',
};

/** The headers as static hosts read them from a file `_headers` (Cloudflare Pages, Netlify). */
export const headersFile = (): string =>
  ['/*', ...Object.entries(SECURITY_HEADERS).map(([name, value]) => `  ${name}: ${value}`), ''].join('\n');
