import { createHash } from 'node:crypto';
import * as fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Sha256, sha256Of } from './sha256.ts';

const reference = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const hashOf = async (bytes: Uint8Array): Promise<string> => {
  const hash = await Sha256.begin();
  hash.update(bytes);
  return hash.digest();
};

describe('Sha256', () => {
  it('gives the digests of FIPS 180-4', async () => {
    expect(await hashOf(new Uint8Array())).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
    expect(await hashOf(new TextEncoder().encode('abc'))).toBe(
      'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
    );
  });

  it.each([55, 56, 63, 64, 65, 119, 120, 128, 1_000_003])(
    'agrees with another implementation on %i bytes',
    async (length) => {
      const bytes = Uint8Array.from({ length }, (_, i) => (i * i + 7 * i) & 255);
      expect(await hashOf(bytes)).toBe(reference(bytes));
    },
  );

  it('gives the same digest however the bytes are split, and after resuming from a saved state', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 150 }), { maxLength: 8 }), async (pieces) => {
        let hash = await Sha256.begin();
        for (const piece of pieces) {
          hash.update(piece);
          const resumed = await Sha256.from(hash.state);
          expect(resumed).not.toBeNull();
          hash = resumed ?? hash;
        }
        expect(hash.digest()).toBe(reference(Buffer.concat(pieces)));
      }),
    );
  });

  it('rejects texts that are not a state, and states of other versions', async () => {
    const { state } = await Sha256.begin();
    for (const text of ['', 'x', 'no state', state.slice(2), `${state}00`, `00000000${state.slice(8)}`]) {
      expect(await Sha256.from(text), text).toBeNull();
    }
  });
});

describe('sha256Of', () => {
  afterEach(() => vi.unstubAllGlobals());

  it('gives the same digest without the browser’s own code, as on a page that is not secure', async () => {
    const bytes = Uint8Array.from({ length: 1000 }, (_, i) => i % 251);
    expect(await sha256Of(bytes)).toBe(reference(bytes));
    vi.stubGlobal('crypto', {});
    expect(await sha256Of(bytes)).toBe(reference(bytes));
  });
});
