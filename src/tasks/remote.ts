import { insecureAddress, isSecureAddress } from '../base/address.ts';
import { GorpError } from '../base/errors.ts';
import type { ReadText } from './benchmark.ts';

/**
 * The address of the raw files of a folder, ending in a slash. Converts GitHub pages and Hugging Face dataset pages to
 * the folder of their raw files; other addresses stay the same.
 *
 * @throws GorpError `tasks/insecure` for http on another machine.
 */
export function rawFolder(address: string): URL {
  if (!isSecureAddress(address)) throw insecureAddress('tasks/insecure', address);
  const url = new URL(address);
  const parts = url.pathname.split('/').filter(Boolean);
  if (url.hostname === 'github.com' && parts.length >= 2) {
    const [owner, repository, view, ref = 'HEAD', ...below] = parts;
    if (view === undefined || view === 'tree') {
      return folder(`https://raw.githubusercontent.com/${[owner, repository, ref, ...below].join('/')}`);
    }
  }
  if (url.hostname === 'huggingface.co' && parts[0] === 'datasets' && parts.length >= 3) {
    const [, owner, repository, view, ref = 'main', ...below] = parts;
    if (view === undefined || view === 'tree') {
      return folder(`https://huggingface.co/${['datasets', owner, repository, 'resolve', ref, ...below].join('/')}`);
    }
  }
  return folder(url.href.replace(/[?#].*$/, ''));
}

const folder = (address: string): URL => new URL(address.endsWith('/') ? address : `${address}/`);

/**
 * Reads text files below an address.
 *
 * @param signal aborts the current fetch.
 * @returns a reader that rejects with GorpError `tasks/unreachable` if there is no answer (no network, or the server
 * forbids other pages to read), `tasks/not-found` if there is no such file.
 */
export function remoteReader(root: URL, signal: AbortSignal | null = null, fetchFile: typeof fetch = fetch): ReadText {
  return async (path) => {
    const url = new URL(path, root);
    let response: Response;
    try {
      response = await fetchFile(url, { signal });
    } catch (cause) {
      throw new GorpError(
        'tasks/unreachable',
        `${url.href} did not answer, or does not let this page read the answer.`,
        'Check the network and that the server lets other pages read its files (CORS), or download the folder and choose it from disk.',
        { cause },
      );
    }
    if (response.redirected && !isSecureAddress(response.url)) throw insecureAddress('tasks/insecure', response.url);
    if (response.ok && !response.headers.get('content-type')?.includes('html')) return response.text();
    const answer = response.ok ? 'answered with a web page' : `answered ${response.status} ${response.statusText}`;
    throw new GorpError(
      'tasks/not-found',
      `${url.href} ${answer.trim()}.`,
      'Check the address of the task folder: it must contain CL_Benchmark and configs, SuperNI, or the tasks of TRACE, with every file.',
    );
  };
}
