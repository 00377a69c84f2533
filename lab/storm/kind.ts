/** A kind of file: valid examples, and the function that reads them. */
export interface Kind {
  readonly name: string;
  readonly sound: readonly Uint8Array[];
  readonly isJson: boolean;
  readonly use: (bytes: Uint8Array<ArrayBuffer>) => unknown;
}

export const encode = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);
