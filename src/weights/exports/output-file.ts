/** A file generated piece by piece as it is written, so that it is never held in memory. */
export interface OutputFile {
  /** Relative to the output folder, with forward slashes. */
  readonly path: string;
  /** The bytes in order; every call starts from the beginning. */
  readonly content: () => AsyncIterable<Uint8Array>;
}

/** Makes a file from a text. */
export const textFile = (path: string, text: () => string): OutputFile => ({
  path,
  content: () => pieces([new TextEncoder().encode(text())]),
});

// oxlint-disable-next-line typescript/require-await -- all content is async.
async function* pieces(all: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* all;
}

/** Makes an indented JSON file from a value. */
export const jsonFile = (path: string, value: unknown): OutputFile =>
  textFile(path, () => `${JSON.stringify(value, null, 2)}\n`);

/** The same files below another folder. */
export const within = (folder: string, files: readonly OutputFile[]): OutputFile[] =>
  files.map(({ path, content }) => ({ path: `${folder}/${path}`, content }));
