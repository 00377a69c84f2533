import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Fault, sendFile } from '../testing/local-hub.ts';
import { type LocalServer, serveLocally } from '../testing/local-server.ts';
import { type DownloadOptions, fetchToStore } from './download.ts';
import { MemoryKeyValue } from './key-value.ts';
import { openStore, type WeightStore } from './store.ts';

const CHUNK = 1000;
const BODY = Uint8Array.from({ length: 5500 }, (_, i) => (i * 31) & 255);
const OTHER = { etag: '"other"', body: Uint8Array.from({ length: 4200 }, (_, i) => (i * 17) & 255) };
const SHA256 = createHash('sha256').update(BODY).digest('hex');
// Long enough for a busy machine: a late answer is not a stall.
const QUICK = { stallMs: 700, backoffMs: [1, 1, 1] };

let server: LocalServer;
let faults: Fault[];
let asked: { range: string | undefined; ifRange: string | undefined }[];
let values: MemoryKeyValue;
let store: WeightStore;

beforeEach(async () => {
  faults = [];
  asked = [];
  values = new MemoryKeyValue();
  store = await openStore(values, CHUNK);
  server = await serveLocally((request, response) => {
    const { range, 'if-range': ifRange } = request.headers;
    asked.push({ range, ifRange: ifRange?.toString() });
    sendFile(response, BODY, range, ifRange?.toString(), faults.shift());
  });
});
afterEach(() => server.close());

const download = (options: DownloadOptions = {}): ReturnType<typeof fetchToStore> =>
  fetchToStore(`${server.url}w`, store, { patience: QUICK, file: 'w', ...options });
const ranges = (): (string | undefined)[] => asked.map(({ range }) => range);
const bytesStored = async (): Promise<Uint8Array> => store.read('w', 0, (await store.manifest('w'))?.bytes ?? 0);
/** As if the page were closed and reopened. */
const reopen = async (): Promise<void> => void (store = await openStore(values, CHUNK));

describe('a download whose connection breaks', () => {
  it('resumes after the last whole chunk, requesting the same content', async () => {
    faults = [{ cutAfter: 3300 }, { cutAfter: 1200 }];
    const seen: number[] = [];
    await download({ onProgress: (bytes) => seen.push(bytes) });
    expect(await bytesStored()).toEqual(BODY);
    expect(ranges()).toEqual([undefined, 'bytes=3000-', 'bytes=4000-']);
    expect(new Set(asked.slice(1).map(({ ifRange }) => ifRange))).toEqual(new Set([`"${SHA256.slice(0, 16)}"`]));
    expect(Math.max(...seen)).toBe(BODY.length);
    expect(await store.partials()).toEqual([]);
  });

  it('reconnects as long as each connection makes progress', async () => {
    faults = Array.from({ length: 5 }, () => ({ cutAfter: 1100 }));
    await download();
    expect([await bytesStored(), asked.length]).toEqual([BODY, 6]);
  });

  it('gives up after several fruitless tries, and stores the received chunks for the next session', async () => {
    faults = [{ cutAfter: 2500 }, ...Array.from({ length: 3 }, () => ({ cutAfter: 10 }))];
    await expect(download()).rejects.toMatchObject({ code: 'weights/interrupted' });
    await reopen();
    expect([await store.manifest('w'), (await store.partials())[0].chunks.length]).toEqual([null, 2]);
    asked = [];
    await download();
    expect([await bytesStored(), ranges()]).toEqual([BODY, ['bytes=2000-']]);
    expect(await values.keys()).toHaveLength(7);
  });

  it('resumes after a stall', async () => {
    faults = [{ stallAfter: 2100 }];
    await download();
    expect([await bytesStored(), ranges()]).toEqual([BODY, [undefined, 'bytes=2000-']]);
  });

  it('reports a server that stalls for good', async () => {
    faults = Array.from({ length: 4 }, () => ({ stallAfter: 0 }));
    await expect(download({ patience: { stallMs: 40, backoffMs: [1, 1, 1] } })).rejects.toMatchObject({
      code: 'weights/stalled',
    });
  });

  it('waits for a busy server', async () => {
    faults = [{ status: 503 }, { cutAfter: 1500 }, { status: 429 }];
    await download();
    expect([await bytesStored(), ranges()]).toEqual([BODY, [undefined, undefined, 'bytes=1000-', 'bytes=1000-']]);
  });
});

describe('a download that is stopped', () => {
  it('resumes there, even after a reload', async () => {
    const stop = new AbortController();
    faults = [{ stallAfter: 3300 }];
    const onProgress = (bytes: number): void => {
      if (bytes >= 3300) setTimeout(() => stop.abort(), 20);
    };
    await expect(download({ signal: stop.signal, onProgress })).rejects.toMatchObject({ code: 'weights/aborted' });
    await reopen();
    const first: number[] = [];
    await download({ onProgress: (bytes) => first.push(bytes) });
    expect([await bytesStored(), ranges()[1]]).toEqual([BODY, 'bytes=3000-']);
    expect(first[0]).toBeGreaterThan(3000);
  });
});

describe('a server that does not send the rest of the same content', () => {
  const cases: [what: string, fault: Fault, expected: Uint8Array, requests: number][] = [
    ['answers 200 with all of it', { ignoresRange: true }, BODY, 2],
    ['has a new version', { changedTo: OTHER }, OTHER.body, 2],
    ['has a new version and ignores If-Range', { changedTo: { ...OTHER, etag: '"b"' }, status: 416 }, BODY, 3],
    ['answers 416', { status: 416 }, BODY, 3],
    ['answers 206 with another range', { headers: { 'content-range': 'bytes 0-2499/5500' } }, BODY, 3],
    ['answers 206 of another length', { headers: { 'content-range': 'bytes 3000-5499/9999' } }, BODY, 3],
    ['answers 206 with another ETag', { headers: { etag: '"else"' } }, BODY, 3],
  ];
  it.each(cases)('%s: the download begins from zero', async (_, fault, expected, requests) => {
    faults = [{ cutAfter: 3300 }, fault];
    await download();
    expect(await bytesStored()).toEqual(expected);
    expect(asked).toHaveLength(requests);
    expect(await store.partials()).toEqual([]);
  });

  it.each([
    ['a web page', { html: true }, 'weights/html'],
    ['a refusal', { status: 403 }, 'weights/denied'],
    ['an absence', { status: 404 }, 'weights/not-found'],
  ])('answers with %s: the error says so, and the chunks so far stay', async (_, fault: Fault, code) => {
    faults = [{ cutAfter: 3300 }, fault];
    await expect(download()).rejects.toMatchObject({ code });
    await download();
    expect([await bytesStored(), ranges()[2]]).toEqual([BODY, 'bytes=3000-']);
  });

  it('without a strong ETag is not asked for the rest', async () => {
    faults = [{ cutAfter: 3300, headers: { etag: 'W/"weak"' } }];
    await download();
    expect([await bytesStored(), ranges()]).toEqual([BODY, [undefined, undefined]]);
  });
});

describe('a file whose SHA-256 is known', () => {
  const expected = { bytes: BODY.length, sha256: SHA256 };

  it('resumes without If-Range, which not every server lets a page send', async () => {
    faults = [{ cutAfter: 3300, headers: { etag: 'W/"weak"' } }];
    await download({ expected });
    expect(await bytesStored()).toEqual(BODY);
    expect(asked).toEqual([
      { range: undefined, ifRange: undefined },
      { range: 'bytes=3000-', ifRange: undefined },
    ]);
  });

  it.each([
    ['from the start', [{ corrupts: true }]],
    ['in the resumed part', [{ cutAfter: 3300 }, { corrupts: true }]],
  ])('is refused and deleted when bytes %s are wrong', async (_, list: Fault[]) => {
    faults = [...list];
    await expect(download({ expected })).rejects.toMatchObject({ code: 'weights/wrong-hash' });
    expect(await values.keys()).toEqual([]);
  });

  it('is refused early when the server reports another length', async () => {
    const other = { changedTo: OTHER };
    faults = [other, other, other, other];
    await expect(download({ expected })).rejects.toMatchObject({ code: 'weights/wrong-length' });
    expect(await values.keys()).toEqual([]);
  });
});

describe('a page that may not send If-Range', () => {
  it('asks for the rest with Range alone and compares the ETag itself', async () => {
    faults = [{ cutAfter: 3300 }];
    const fetch: typeof globalThis.fetch = (input, init) =>
      new Headers(init?.headers).has('if-range')
        ? Promise.reject(new TypeError('Failed to fetch'))
        : globalThis.fetch(input, init);
    await download({ fetch });
    expect(await bytesStored()).toEqual(BODY);
    expect(asked).toEqual([
      { range: undefined, ifRange: undefined },
      { range: 'bytes=3000-', ifRange: undefined },
    ]);
  });
});

describe('a server that cannot be read from', () => {
  it('is reported differently when it is reachable', async () => {
    const refusing = (answers: boolean): typeof globalThis.fetch => {
      return (_, init) =>
        answers && init?.mode === 'no-cors'
          ? Promise.resolve(new Response())
          : Promise.reject(new TypeError('Failed to fetch'));
    };
    await expect(download({ fetch: refusing(true) })).rejects.toMatchObject({ code: 'weights/cors' });
    await expect(download({ fetch: refusing(false) })).rejects.toMatchObject({ code: 'weights/network' });
    expect(await values.keys()).toEqual([]);
  });
});
