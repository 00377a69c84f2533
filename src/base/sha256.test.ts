import { createHash } from 'node:crypto';
import * as fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Sha256, sha256Of } from './sha256.ts';

const reference = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const hashOf = (bytes: Uint8Array): string => {
  const hash = new Sha256();
  hash.update(bytes);
  return hash.digest();
};

describe('Sha256', () => {
  it('gives the digests of FIPS 180-4', () => {
    expect(hashOf(new Uint8Array())).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
    expect(hashOf(new TextEncoder().encode('abc'))).toBe(
      'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
    );
  });

  it.each([55, 56, 63, 64, 65, 119, 120, 128, 1_000_003])(
    'agrees with another implementation on %i bytes',
    (length) => {
      const bytes = Uint8Array.from({ length }, (_, i) => (i * i + 7 * i) & 255);
      expect(hashOf(bytes)).toBe(reference(bytes));
    },
  );

  it('does not depend on how the bytes are cut, nor on being kept as text in between', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 150 }), { maxLength: 8 }), (pieces) => {
        let hash = new Sha256();
        for (const piece of pieces) {
          hash.update(piece);
          hash = Sha256.from(hash.state) ?? new Sha256();
        }
        expect(hash.digest()).toBe(reference(Buffer.concat(pieces)));
      }),
    );
  });

  it.each(['', 'x', new Sha256().state.slice(1), `${new Sha256().state}0`, new Sha256().state.replace('::', ':00:')])(
    'takes %j for no state',
    (text) => {
      expect(Sha256.from(text)).toBeNull();
    },
  );
});

describe('sha256Of', () => {
  afterEach(() => vi.unstubAllGlobals());

  it('is the same with the browser’s own digest and without it, as on a page that is not secure', async () => {
    const bytes = Uint8Array.from({ length: 1000 }, (_, i) => i % 251);
    expect(await sha256Of(bytes)).toBe(reference(bytes));
    vi.stubGlobal('crypto', {});
    expect(await sha256Of(bytes)).toBe(reference(bytes));
  });
});
