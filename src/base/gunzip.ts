/**
 * Unpacks gzip piece by piece; whoever has enough stops asking.
 *
 * @throws TypeError for anything else, or if it is damaged.
 */
export async function* gunzipped(packed: Blob): AsyncGenerator<Uint8Array<ArrayBuffer>, void> {
  const reader = packed.stream().pipeThrough(new DecompressionStream('gzip')).getReader();
  try {
    for (let piece = await reader.read(); !piece.done; piece = await reader.read()) yield piece.value;
  } finally {
    await reader.cancel().catch(() => undefined); // a failed stream rejects again
  }
}

/**
 * All of it, if it takes at most so many bytes; else null.
 *
 * @throws as {@link gunzipped}.
 */
export async function gunzippedWhole(packed: Blob, mostBytes: number): Promise<Uint8Array<ArrayBuffer> | null> {
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  let bytes = 0;
  for await (const piece of gunzipped(packed)) {
    bytes += piece.length;
    if (bytes > mostBytes) return null;
    pieces.push(piece);
  }
  return new Uint8Array(await new Blob(pieces).arrayBuffer());
}
