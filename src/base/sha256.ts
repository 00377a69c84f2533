/**
 * SHA-256 over bytes that come piece by piece (FIPS 180-4). The browser's own `crypto.subtle.digest` wants all bytes at
 * once, which a file of gigabytes cannot be; and a download that goes on after a reload needs the state in between.
 */

/** Fractional parts of the cube roots of the first 64 primes, first 32 bits. */
const K = Int32Array.of(
  ...[0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5],
  ...[0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174],
  ...[0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da],
  ...[0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967],
  ...[0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85],
  ...[0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070],
  ...[0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3],
  ...[0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2],
);
/** Fractional parts of the square roots of the first 8 primes, first 32 bits. */
const START = [0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19];
const BLOCK = 64;
/** Length field at the end of the last block. */
const LENGTH_BYTES = 8;

const STATE = /^(?:[0-9a-f]{8}){8}:(?:[0-9a-f]{2}){0,63}:(?:0|[1-9]\d{0,15})$/;

export const toHex = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');

/**
 * SHA-256 in lower-case hexadecimal of bytes that are all here: by the browser's own code, which is quicker, where it
 * offers that; it does not on pages that are not secure.
 */
export async function sha256Of(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const { subtle } = crypto as Partial<Crypto>;
  if (subtle !== undefined) return toHex(new Uint8Array(await subtle.digest('SHA-256', bytes)));
  const hash = new Sha256();
  hash.update(bytes);
  return hash.digest();
}

/** A running SHA-256. */
export class Sha256 {
  readonly #words = Uint32Array.from(START);
  /** Signed: sums of 32-bit integers stay integers then, where unsigned ones would become doubles. */
  readonly #schedule = new Int32Array(64);
  /** Bytes that do not fill a block yet. */
  readonly #block = new Uint8Array(BLOCK);
  #length = 0;

  /** Resumes from a {@link state}. Null when the text is none. */
  static from(state: string): Sha256 | null {
    if (!STATE.test(state)) return null;
    const [words, pending, length] = state.split(':');
    const hash = new Sha256();
    hash.#length = Number(length);
    if (hash.#length % BLOCK !== pending.length / 2) return null;
    for (let i = 0; i < 8; i++) hash.#words[i] = parseInt(words.slice(8 * i, 8 * i + 8), 16);
    for (let i = 0; 2 * i < pending.length; i++) hash.#block[i] = parseInt(pending.slice(2 * i, 2 * i + 2), 16);
    return hash;
  }

  /** The state between two pieces as text, to be kept. */
  get state(): string {
    const words = Array.from(this.#words, (word) => word.toString(16).padStart(8, '0')).join('');
    return `${words}:${toHex(this.#block.subarray(0, this.#length % BLOCK))}:${this.#length}`;
  }

  update(bytes: Uint8Array): void {
    let at = 0;
    const pending = this.#length % BLOCK;
    this.#length += bytes.length;
    if (pending > 0) {
      at = Math.min(BLOCK - pending, bytes.length);
      this.#block.set(bytes.subarray(0, at), pending);
      if (pending + at < BLOCK) return;
      this.#compress(this.#block, 0);
    }
    for (; at + BLOCK <= bytes.length; at += BLOCK) this.#compress(bytes, at);
    this.#block.set(bytes.subarray(at));
  }

  /** The digest of all bytes so far, in lower-case hexadecimal. Nothing may be added afterwards. */
  digest(): string {
    const length = this.#length;
    const pending = length % BLOCK;
    const padding = new Uint8Array((pending < BLOCK - LENGTH_BYTES ? BLOCK : 2 * BLOCK) - pending);
    padding[0] = 0x80;
    new DataView(padding.buffer).setBigUint64(padding.length - LENGTH_BYTES, BigInt(length) * 8n);
    this.update(padding);
    return Array.from(this.#words, (word) => word.toString(16).padStart(8, '0')).join('');
  }

  /** Takes in one block. */
  #compress(bytes: Uint8Array, at: number): void {
    const w = this.#schedule;
    for (let i = 0; i < 16; i++, at += 4) {
      w[i] = (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3];
    }
    for (let i = 16; i < 64; i++) {
      const x = w[i - 15];
      const y = w[i - 2];
      const s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
      const s1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
      w[i] = w[i - 16] + s0 + w[i - 7] + s1;
    }
    const words = this.#words;
    let a = words[0] | 0;
    let b = words[1] | 0;
    let c = words[2] | 0;
    let d = words[3] | 0;
    let e = words[4] | 0;
    let f = words[5] | 0;
    let g = words[6] | 0;
    let h = words[7] | 0;
    for (let i = 0; i < 64; i++) {
      const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
      const t1 = (h + s1 + ((e & f) ^ (~e & g)) + K[i] + w[i]) | 0;
      const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
      const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      h = g;
      g = f;
      f = e;
      e = (d + t1) | 0;
      d = c;
      c = b;
      b = a;
      a = (t1 + t2) | 0;
    }
    words[0] += a;
    words[1] += b;
    words[2] += c;
    words[3] += d;
    words[4] += e;
    words[5] += f;
    words[6] += g;
    words[7] += h;
  }
}
