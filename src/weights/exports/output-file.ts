/** A file that is made piece by piece while it is written, so that no large one is ever held in memory. */
export interface OutputFile {
  /** Below the folder that is written, with forward slashes. */
  readonly path: string;
  /** The bytes from the first to the last; every call begins anew. */
  readonly content: () => AsyncIterable<Uint8Array>;
}

/** A text as a file. */
export const textFile = (path: string, text: () => string): OutputFile => ({
  path,
  content: () => pieces([new TextEncoder().encode(text())]),
});

// eslint-disable-next-line @typescript-eslint/require-await -- all content is asked for in the same way.
async function* pieces(all: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* all;
}

/** A value as a JSON file that people can read. */
export const jsonFile = (path: string, value: unknown): OutputFile =>
  textFile(path, () => `${JSON.stringify(value, null, 2)}\n`);

/** The same files below another folder. */
export const within = (folder: string, files: readonly OutputFile[]): OutputFile[] =>
  files.map(({ path, content }) => ({ path: `${folder}/${path}`, content }));
