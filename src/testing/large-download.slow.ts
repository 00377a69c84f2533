import { expect, it } from 'vitest';
import { fetchToStore } from '../weights/download.ts';
import { MemoryKeyValue } from '../weights/key-value.ts';
import { openStore } from '../weights/store.ts';
import { WatchedKeyValue } from './watched-key-value.ts';

const MIB = 2 ** 20;
const TOTAL = 1024 * MIB;
const MAX_GROWTH = 64 * MIB;

it('streams 1 GiB into the store while JavaScript memory grows by less than 64 MiB', async () => {
  const used = (): number => {
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return heapUsed + arrayBuffers;
  };
  const values = new WatchedKeyValue(new MemoryKeyValue(), false);
  const store = await openStore(values);
  const piece = new Uint8Array(MIB).fill(7);
  let given = 0;
  const before = used();
  let max = 0;
  const body = new ReadableStream<Uint8Array>({
    pull: (controller) => {
      given += MIB;
      controller.enqueue(piece);
      max = Math.max(max, used() - before);
      if (given === TOTAL) controller.close();
    },
  });
  const response = new Response(body, { headers: { 'content-length': `${TOTAL}`, etag: '"1"' } });
  const manifest = await fetchToStore('https://a/model.safetensors', store, { fetch: () => Promise.resolve(response) });
  console.log(`most growth: ${(max / MIB).toFixed(1)} MiB`);
  expect([manifest.bytes, values.bytesStored]).toEqual([TOTAL, TOTAL]);
  expect(max).toBeLessThan(MAX_GROWTH);
});
