/**
 * A file as onnxruntime-web takes external data, which it reads tensor by tensor while it makes a session. It asks for a
 * `Uint8Array` and uses its `byteLength` and `subarray` alone (`LoadWebAssemblyExternalData` in
 * core/framework/tensorprotoutils.cc), so that no more than a tensor is in JavaScript's memory at a time. Given a Blob,
 * it would read all of it first.
 *
 * @param read gives bytes of the file at once; a worker has `FileReaderSync` for it.
 */
export function fileBytes(bytes: number, read: (begin: number, end: number) => Uint8Array): Uint8Array {
  const file = new Uint8Array(0);
  Object.defineProperty(file, 'byteLength', { value: bytes });
  Object.defineProperty(file, 'subarray', { value: (begin: number, end: number) => read(begin, end) });
  return file;
}

/** A Blob's bytes at once. Works in workers only. */
export const readNow = (blob: Blob, begin: number, end: number): Uint8Array =>
  new Uint8Array(new FileReaderSync().readAsArrayBuffer(blob.slice(begin, end)));
