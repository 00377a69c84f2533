/** Bytes as the async pieces in which files are written and downloads arrive. (Safari cannot iterate the stream of a Blob.) */
// oxlint-disable-next-line typescript/require-await -- they wait for nothing.
export async function* asPieces(...bytes: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* bytes;
}

/** Pieces in one array. Each is copied as it arrives, since a reader may use its memory again. */
export async function joined(pieces: AsyncIterable<Uint8Array>): Promise<Uint8Array<ArrayBuffer>> {
  const all: Uint8Array<ArrayBuffer>[] = [];
  for await (const piece of pieces) all.push(piece.slice());
  return new Uint8Array(await new Blob(all).arrayBuffer());
}
