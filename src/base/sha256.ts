import type { IHasher } from 'hash-wasm';

/** Bytes in hexadecimal: a state as {@link Sha256.state} writes it. */
const STATE = /^(?:[0-9a-f]{2})+$/;

const toHex = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');

/**
 * SHA-256, in lower-case hexadecimal, of bytes that are all in memory. Uses the browser's own code, which is faster but
 * exists on secure pages only.
 */
export async function sha256Of(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const { subtle } = crypto as Partial<Crypto>;
  if (subtle !== undefined) return toHex(new Uint8Array(await subtle.digest('SHA-256', bytes)));
  const hash = await Sha256.begin();
  hash.update(bytes);
  return hash.digest();
}

/**
 * SHA-256 over bytes that arrive piece by piece. The browser's own `crypto.subtle.digest` needs all bytes at once,
 * impossible for a file of gigabytes; and a download that resumes after a reload needs the intermediate state.
 */
export class Sha256 {
  readonly #hasher: IHasher;

  private constructor(hasher: IHasher) {
    this.#hasher = hasher;
  }

  /** A hash of no bytes yet. The first call loads the code. */
  static async begin(): Promise<Sha256> {
    const { createSHA256 } = await import('hash-wasm');
    return new Sha256((await createSHA256()).init());
  }

  /** Resumes from a {@link state}. Null if the text is not a state, or one saved by another version of hash-wasm. */
  static async from(state: string): Promise<Sha256 | null> {
    if (!STATE.test(state)) return null;
    const { createSHA256 } = await import('hash-wasm');
    const hasher = await createSHA256();
    try {
      return new Sha256(hasher.load(Uint8Array.from(state.match(/../g) ?? [], (byte) => parseInt(byte, 16))));
    } catch {
      return null;
    }
  }

  /** The state between two pieces, as text to save. */
  get state(): string {
    return toHex(this.#hasher.save());
  }

  /** Forgets all bytes. */
  restart(): void {
    this.#hasher.init();
  }

  update(bytes: Uint8Array): void {
    this.#hasher.update(bytes);
  }

  /** The digest of all bytes so far, in lower-case hexadecimal. Nothing may be added afterwards. */
  digest(): string {
    return this.#hasher.digest();
  }
}
