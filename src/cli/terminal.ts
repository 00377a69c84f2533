/**
 * A text made safe for a terminal. Names of tasks, labels and models come from files: what a terminal would obey
 * (control characters, escape sequences, changes of writing direction) is shown as `\\u001b` instead.
 */
export const printable = (text: string): string =>
  text.replaceAll(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g, escaped);

const escaped = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;

/** A text as one printable line: line feeds are escaped too. */
export const oneLine = (text: string): string => printable(text).replaceAll('\n', '\\n');

/**
 * The usage of a command, with its paragraphs and the texts of its options filled to the width of a terminal. Lines with
 * `gorp-web` at their begin stay as they are.
 */
export function filled(usage: string, width: number): string {
  const blocks: { head: string; words: string[]; indent: number }[] = [];
  for (const line of usage.split('\n')) {
    const [, indent, text] = /^( *)(.*)$/.exec(line) ?? ['', '', line];
    const last = blocks.at(-1);
    const option = /^( {2}\S.*? {2,})(\S.*)$/.exec(line);
    if (option !== null) blocks.push({ head: option[1], words: option[2].split(' '), indent: TEXT_OF_OPTION });
    else if (text === '' || /^(?:Usage: )?gorp-web /.test(text)) blocks.push({ head: line, words: [], indent: 0 });
    else if (last !== undefined && last.words.length > 0 && last.indent === indent.length)
      last.words.push(...text.split(' '));
    else blocks.push({ head: indent, words: text.split(' '), indent: indent.length });
  }
  const lines = blocks.flatMap(({ head, words, indent }) => {
    const found = [head];
    for (const [i, word] of words.entries()) {
      const line = found[found.length - 1];
      if (i === 0) found[0] = head + word;
      else if (line.length + 1 + word.length <= width) found[found.length - 1] = `${line} ${word}`;
      else found.push(' '.repeat(indent) + word);
    }
    return found;
  });
  return lines.join('\n');
}

/** Column of the texts of options in a usage. */
const TEXT_OF_OPTION = 19;

/** Where a command writes: results to stdout, progress to stderr; with `--json`, JSON lines on stdout only. */
export class Terminal {
  readonly #out: NodeJS.WriteStream;
  readonly #err: NodeJS.WriteStream;
  #shown = '';

  constructor(
    readonly json: boolean,
    out: NodeJS.WriteStream = process.stdout,
    err: NodeJS.WriteStream = process.stderr,
  ) {
    this.#out = out;
    this.#err = err;
  }

  /** Whether a line can be overwritten. */
  get isLive(): boolean {
    return this.#err.isTTY && !this.json;
  }

  /** A result, for people. */
  result(text: string): void {
    if (this.json) return;
    this.#wipe();
    this.#out.write(`${printable(text)}\n`);
  }

  /** A result, for machines: one line of JSON. */
  event(value: object): void {
    if (this.json) this.#out.write(`${printable(JSON.stringify(value))}\n`);
  }

  /** Something that happened. */
  note(text: string): void {
    if (this.json) return;
    this.#wipe();
    this.#err.write(`${oneLine(text)}\n`);
  }

  /** Progress: on a terminal, the one line that is overwritten; nothing elsewhere. */
  live(text: string): void {
    if (!this.isLive) return;
    const line = oneLine(text).slice(0, Math.max(20, (this.#err.columns || 80) - 1));
    if (line === this.#shown) return;
    this.#err.write(`\r\u001b[2K${line}`);
    this.#shown = line;
  }

  #wipe(): void {
    if (this.#shown !== '') this.#err.write('\r\u001b[2K');
    this.#shown = '';
  }
}

/** `1 h 05 min`, `3 min 20 s`, `12 s`. */
export function spell(seconds: number): string {
  const s = Math.round(seconds);
  const two = (n: number): string => String(n).padStart(2, '0');
  if (s >= 3600) return `${Math.floor(s / 3600)} h ${two(Math.floor((s % 3600) / 60))} min`;
  return s >= 60 ? `${Math.floor(s / 60)} min ${two(s % 60)} s` : `${s} s`;
}
