declare module 'hyparquet-compressors/src/brotli.streams.js' {
  /** The output of Brotli: `buffer` is assigned once, and again by the library when it is too small. */
  export class BrotliOutput {
    constructor(page: Uint8Array);
    buffer: Uint8Array;
  }
}
