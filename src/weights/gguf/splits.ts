import { GorpError } from '../../base/errors.ts';
import { badValue, type GgufMetadata } from './values.ts';

/** Name of a part of a split file: gguf-split of llama.cpp writes `NAME-00001-of-00003.gguf`. */
const PART = /^(.+)-(\d{5})-of-(\d{5})\.gguf$/i;
const MAX_PARTS = 1000;

/** Whether a file's name is that of a GGUF file. */
export const isGgufName = (name: string): boolean => /.\.gguf$/i.test(name);

/** The names of all parts of the file that a name belongs to; the name alone if it is not split. */
export function partsOf(name: string): string[] {
  const [, stem, , total] = PART.exec(name) ?? [];
  if (stem === undefined) return [name];
  const count = Number(total);
  if (count < 1 || count > MAX_PARTS) return [name];
  return Array.from({ length: count }, (_, i) => `${stem}-${String(i + 1).padStart(5, '0')}-of-${total}.gguf`);
}

/** A GGUF file, whole or in parts, among others. */
export interface GgufChoice {
  /** The name to open it by: that of the first part. */
  readonly file: string;
  readonly parts: readonly string[];
}

/** The GGUF models among the names of a folder, each once; files for images or sound beside a model are left out. */
export function ggufChoices(names: readonly string[]): GgufChoice[] {
  const known = new Set(names);
  return names
    .filter((name) => isGgufName(name) && !/mmproj|imatrix/i.test(name) && partsOf(name)[0] === name)
    .map((file) => ({ file, parts: partsOf(file) }))
    .filter(({ parts }) => parts.every((part) => known.has(part)))
    .sort((a, b) => (a.file < b.file ? -1 : 1));
}

/**
 * Checks that parts belong together.
 *
 * @param parts their metadata, in the order of their names.
 * @throws GorpError `weights/gguf-split`.
 */
export function checkParts(parts: readonly GgufMetadata[], tensorCount: number): void {
  parts.forEach((metadata, i) => {
    const [number, count] = [metadata.whole('split.no') ?? 0, metadata.whole('split.count') ?? 1];
    if (count === parts.length && number === i) return;
    if (parts.length === 1 && count === 0) return;
    throw new GorpError(
      'weights/gguf-split',
      parts.length === 1
        ? `This GGUF file is part ${number + 1} of ${count} of a model.`
        : `Part ${i + 1} of ${parts.length} of this GGUF model says that it is part ${number + 1} of ${count}.`,
      'Name the first part as it was published (NAME-00001-of-00003.gguf), with all others beside it.',
    );
  });
  const total = parts[0].whole('split.tensors.count');
  if (parts.length > 1 && total !== undefined && total !== tensorCount) {
    throw badValue('split.tensors.count', `is ${total}, but the parts have ${tensorCount} tensors`);
  }
}
