import type { IHasher } from 'hash-wasm';

/** Bytes in hexadecimal: a state as {@link Sha256.state} writes it. */
const STATE = /^(?:[0-9a-f]{2})+$/;

export const toHex = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');

/**
 * SHA-256 in lower-case hexadecimal of bytes that are all here: by the browser's own code, which is quicker, where it
 * offers that; it does not on pages that are not secure.
 */
export async function sha256Of(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const { subtle } = crypto as Partial<Crypto>;
  if (subtle !== undefined) return toHex(new Uint8Array(await subtle.digest('SHA-256', bytes)));
  const hash = await Sha256.begin();
  hash.update(bytes);
  return hash.digest();
}

/**
 * SHA-256 over bytes that come piece by piece. The browser's own `crypto.subtle.digest` wants all bytes at once, which a
 * file of gigabytes cannot be; and a download that resumes after a reload needs the state in between.
 */
export class Sha256 {
  readonly #hasher: IHasher;

  private constructor(hasher: IHasher) {
    this.#hasher = hasher;
  }

  /** A hash of no bytes yet. Loads the code when it is first needed. */
  static async begin(): Promise<Sha256> {
    const { createSHA256 } = await import('hash-wasm');
    return new Sha256((await createSHA256()).init());
  }

  /** Resumes from a {@link state}. Null when the text is none, or one that another version of hash-wasm has saved. */
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

  /** The state between two pieces as text, to be saved. */
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
