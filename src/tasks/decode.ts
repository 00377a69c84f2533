import { GorpError } from '../base/errors.ts';

/** A file's text and its encoding. */
export interface DecodedText {
  text: string;
  encoding: 'UTF-8' | 'UTF-16' | 'Windows-1252';
}

/**
 * Decodes a text file: as UTF-16 if a byte order mark says so, otherwise as UTF-8, or, if that fails, as Windows-1252,
 * the superset of Latin-1 that spreadsheets write. The byte order mark is dropped.
 *
 * @throws GorpError `tasks/not-text` for a file with NUL characters: a spreadsheet, an archive, UTF-16 without a mark.
 */
export function decodeText(bytes: Uint8Array, name: string): DecodedText {
  const decoded = decode(bytes);
  if (!decoded.text.includes('\0')) return decoded;
  throw new GorpError(
    'tasks/not-text',
    `${name} is not a text file.`,
    'Save it as CSV, TSV, JSON or JSONL in UTF-8 (in a spreadsheet: Save as, CSV UTF-8) and choose it again.',
  );
}

function decode(bytes: Uint8Array): DecodedText {
  const [first, second] = bytes;
  if (first === 0xff && second === 0xfe) return { text: new TextDecoder('utf-16le').decode(bytes), encoding: 'UTF-16' };
  if (first === 0xfe && second === 0xff) return { text: new TextDecoder('utf-16be').decode(bytes), encoding: 'UTF-16' };
  try {
    return { text: new TextDecoder('utf-8', { fatal: true }).decode(bytes), encoding: 'UTF-8' };
  } catch {
    return { text: new TextDecoder('windows-1252').decode(bytes), encoding: 'Windows-1252' };
  }
}
