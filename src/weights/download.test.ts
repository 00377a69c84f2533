import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type LocalServer, serveLocally } from '../testing/local-server.ts';
import { type DownloadOptions, fetchToStore } from './download.ts';
import { MemoryKeyValue } from './key-value.ts';
import { openStore, type WeightStore } from './store.ts';
import { WatchedKeyValue } from '../testing/watched-key-value.ts';

const CHUNK = 1000;
const BODY = Uint8Array.from({ length: 5500 }, (_, i) => (i * 31) & 255);
const QUICK = { stallMs: 5000, backoffMs: [1, 1] };
const PAGE = '  <!DOCTYPE html><title>Please log in</title>';

let server: LocalServer;
let values: WatchedKeyValue;
let store: WeightStore;

beforeEach(async () => {
  values = new WatchedKeyValue(new MemoryKeyValue());
  store = await openStore(values, CHUNK);
  server = await serveLocally((request, response) => {
    switch (request.url ?? '') {
      case '/weights':
        response.setHeader('etag', '"abc"');
        response.setHeader('content-length', BODY.length);
        response.end(BODY);
        break;
      case '/unannounced':
        response.write(BODY.subarray(0, 700));
        response.end(BODY.subarray(700));
        break;
      case '/gzip':
        response.setHeader('content-encoding', 'gzip');
        response.setHeader('content-length', gzipSync(BODY).length);
        response.end(gzipSync(BODY));
        break;
      case '/empty':
        response.setHeader('content-length', 0);
        response.end();
        break;
      case '/page':
        response.setHeader('content-type', 'text/html; charset=utf-8');
        response.end(PAGE);
        break;
      case '/hidden-page':
        response.setHeader('content-type', 'application/octet-stream');
        response.end(PAGE);
        break;
      case '/truncated':
        response.setHeader('content-length', BODY.length);
        response.write(BODY.subarray(0, 3300), () => response.destroy());
        break;
      case '/truncated-chunked':
        response.write(BODY.subarray(0, 3300), () => response.destroy());
        break;
      case '/stuck':
        response.setHeader('content-length', BODY.length);
        response.write(BODY.subarray(0, 3300));
        break;
      default:
        response.statusCode = Number(request.url?.slice(1)) || 404;
        response.end('no');
    }
  });
});
afterEach(() => server.close());

const download = (path: string, options: DownloadOptions = {}): ReturnType<typeof fetchToStore> =>
  fetchToStore(server.url + path, store, { patience: QUICK, ...options });

/** A fetch whose body yields these pieces one by one, on demand. */
const fakeFetch =
  (headers: Record<string, string>, ...pieces: Uint8Array<ArrayBuffer>[]): typeof fetch =>
  () => {
    const left = [...pieces];
    const body = new ReadableStream<Uint8Array>({
      pull: (controller) => {
        const piece = left.shift();
        if (piece === undefined) controller.close();
        else controller.enqueue(piece);
      },
    });
    return Promise.resolve(new Response(body, { headers }));
  };

describe('fetchToStore', () => {
  it('stores a file and its etag, and reports progress', async () => {
    const progress: [number, number | null][] = [];
    const manifest = await download('weights', { onProgress: (...at) => progress.push(at) });
    expect(manifest).toMatchObject({
      file: `${server.url}weights`,
      url: `${server.url}weights`,
      etag: '"abc"',
      bytes: BODY.length,
    });
    expect(await store.read(manifest.file, 0, BODY.length)).toEqual(BODY);
    expect(progress.at(-1)).toEqual([BODY.length, BODY.length]);
    expect(progress.every(([bytes, total], i) => total === BODY.length && bytes > (progress[i - 1]?.[0] ?? 0))).toBe(
      true,
    );
  });

  it('stores it under another name if asked to', async () => {
    await download('weights', { file: 'model' });
    expect((await store.list()).map(({ file, url }) => [file, url])).toEqual([['model', `${server.url}weights`]]);
  });

  it.each(['unannounced', 'gzip'])('accepts a body of unknown length: %s', async (path) => {
    const totals = new Set<number | null>();
    const { file, bytes } = await download(path, { onProgress: (_, total) => totals.add(total) });
    expect([bytes, totals]).toEqual([BODY.length, new Set([null])]);
    expect(await store.read(file, 0, bytes)).toEqual(BODY);
  });

  it('accepts an empty file', async () => {
    expect(await download('empty')).toMatchObject({ bytes: 0, chunks: [] });
  });

  it.each([
    ['404', 'weights/not-found'],
    ['410', 'weights/not-found'],
    ['401', 'weights/denied'],
    ['403', 'weights/denied'],
    ['429', 'weights/http'],
    ['500', 'weights/http'],
    ['204', 'weights/http'],
    ['206', 'weights/http'],
    ['page', 'weights/html'],
    ['hidden-page', 'weights/html'],
    ['truncated', 'weights/interrupted'],
    ['truncated-chunked', 'weights/interrupted'],
  ])('refuses %s with %s, and stores nothing', async (path, code) => {
    await expect(download(path)).rejects.toMatchObject({
      code,
      message: expect.stringContaining(server.url + path) as string,
      nextStep: expect.stringMatching(/\w{3}/) as string,
    });
    expect(await values.keys()).toEqual([]);
  });

  it('reports a server that cannot be reached', async () => {
    const { url } = server;
    await server.close();
    await expect(fetchToStore(`${url}weights`, store)).rejects.toMatchObject({ code: 'weights/network' });
    expect(await values.keys()).toEqual([]);
  });

  it.each([
    ['short', '12', [7]],
    ['long', '12', [7, 6]],
    ['long in one piece', '12', [5000]],
    ['empty', '12', []],
  ])('refuses a body that is too %s for its Content-Length', async (_, length, sizes) => {
    const pieces = sizes.map((size) => BODY.slice(0, size));
    await expect(download('w', { fetch: fakeFetch({ 'content-length': length }, ...pieces) })).rejects.toMatchObject({
      code: 'weights/wrong-length',
    });
    expect(await values.keys()).toEqual([]);
  });

  it('does not hold an encoded body to its Content-Length', async () => {
    const fetch = fakeFetch({ 'content-length': '12', 'content-encoding': 'br' }, BODY.slice(0, 50));
    expect(await download('w', { fetch })).toMatchObject({ bytes: 50 });
  });

  it('nor one from another site, whose Content-Encoding a page cannot see', async () => {
    const crossOrigin: typeof fetch = async (...request) => {
      const response = await fakeFetch({ 'content-length': '12' }, BODY.slice(0, 8), BODY.slice(8, 50))(...request);
      return Object.defineProperty(response, 'type', { value: 'cors' });
    };
    const totals: (number | null)[] = [];
    expect(await download('w', { fetch: crossOrigin, onProgress: (_, total) => totals.push(total) })).toMatchObject({
      bytes: 50,
    });
    expect(totals).toEqual([12, null]);
  });

  it('refuses a file above the limit before and during the download', async () => {
    const tooLarge = { code: 'weights/too-large' };
    let pulled = 0;
    const endless = new ReadableStream<Uint8Array>({
      pull: (controller) => {
        pulled++;
        controller.enqueue(BODY.slice(0, 100));
      },
    });
    await expect(download('weights', { maxBytes: BODY.length - 1 })).rejects.toMatchObject(tooLarge);
    await expect(
      download('w', { maxBytes: 2500, fetch: () => Promise.resolve(new Response(endless)) }),
    ).rejects.toMatchObject(tooLarge);
    expect(pulled).toBeLessThan(30);
    expect(await values.keys()).toEqual([]);
    expect(await download('weights', { maxBytes: BODY.length })).toMatchObject({ bytes: BODY.length });
  });

  it('stops midway on request', async () => {
    const stop = new AbortController();
    let chunksMidway: string[] = [];
    const onProgress = (bytes: number): void => {
      if (bytes < 3300) return;
      // After the last complete chunk.
      setTimeout(() => {
        void values.keys().then((keys) => {
          chunksMidway = keys;
          stop.abort();
        });
      }, 50);
    };
    await expect(download('stuck', { signal: stop.signal, onProgress })).rejects.toMatchObject({
      code: 'weights/aborted',
    });
    expect(chunksMidway.filter((key) => key.startsWith('chunk/'))).toHaveLength(3);
    expect(await values.keys()).toEqual([]);
  });

  it('stops a source that ignores the signal, and does not start if already stopped', async () => {
    const stop = new AbortController();
    const options = {
      fetch: fakeFetch({}, ...Array<Uint8Array<ArrayBuffer>>(20).fill(BODY.slice(0, 400))),
      signal: stop.signal,
      onProgress: (bytes: number) => {
        if (bytes > 2000) stop.abort();
      },
    };
    await expect(download('w', options)).rejects.toMatchObject({ code: 'weights/aborted' });
    await expect(download('weights', { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'weights/aborted',
    });
    expect([server.requests, await values.keys()]).toEqual([[], []]);
  });

  it('stores nothing when the quota fills up midway, and ends the request', async () => {
    values.quotaBytes = 2500;
    let cancelled = false;
    const body = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(BODY.slice(0, 400)),
      cancel: () => {
        cancelled = true;
      },
    });
    const fetch = (): Promise<Response> =>
      Promise.resolve(new Response(body, { headers: { 'content-length': '8000' } }));
    await expect(download('w', { fetch })).rejects.toMatchObject({
      code: 'store/quota',
      message: expect.stringContaining('7.81 KiB') as string,
    });
    expect([cancelled, await values.keys()]).toEqual([true, []]);
  });

  it('preserves the earlier copy when a new download fails', async () => {
    await download('weights', { file: 'model' });
    await expect(download('truncated', { file: 'model' })).rejects.toMatchObject({ code: 'weights/interrupted' });
    expect(await store.read('model', 0, BODY.length)).toEqual(BODY);
  });
});

describe('memory', () => {
  it('holds at most a few chunks of a 64 MiB body', async () => {
    const MIB = 2 ** 20;
    const watched = new WatchedKeyValue(new MemoryKeyValue(), false);
    const large = await openStore(watched);
    const total = 64 * MIB;
    let given = 0;
    let maxAlive = 0;
    const body = new ReadableStream<Uint8Array>({
      pull: (controller) => {
        given += MIB;
        controller.enqueue(new Uint8Array(MIB));
        maxAlive = Math.max(maxAlive, given - watched.bytesStored);
        if (given === total) controller.close();
      },
    });
    const fetch = (): Promise<Response> =>
      Promise.resolve(new Response(body, { headers: { 'content-length': `${total}` } }));
    const manifest = await fetchToStore('https://a/model.safetensors', large, { fetch });
    expect([manifest.bytes, manifest.chunks.length, watched.bytesStored]).toEqual([total, 16, total]);
    expect(maxAlive).toBeLessThanOrEqual(3 * manifest.chunkBytes);
  });
});
