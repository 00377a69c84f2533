/**
 * A file in the form in which onnxruntime-web accepts external data, which it reads tensor by tensor while it makes a
 * session. It expects a `Uint8Array` but uses only `byteLength` and `subarray` (`LoadWebAssemblyExternalData` in
 * core/framework/tensorprotoutils.cc), so JavaScript never holds more than one tensor. A Blob would be read as a whole
 * first.
 *
 * @param read returns bytes of the file synchronously; a worker has `FileReaderSync` for this.
 */
export function fileBytes(bytes: number, read: (begin: number, end: number) => Uint8Array): Uint8Array {
  const file = new Uint8Array(0);
  Object.defineProperty(file, 'byteLength', { value: bytes });
  Object.defineProperty(file, 'subarray', { value: (begin: number, end: number) => read(begin, end) });
  return file;
}

/** A Blob's bytes, synchronously. Works in workers only. */
export const readNow = (blob: Blob, begin: number, end: number): Uint8Array =>
  new Uint8Array(new FileReaderSync().readAsArrayBuffer(blob.slice(begin, end)));
