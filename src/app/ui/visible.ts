/**
 * A text as one line of at most `longest` characters. Characters that are invisible or change how their neighbours read
 * (control characters, direction marks) become visible signs.
 */
export function visibleText(text: string, longest: number): string {
  // Cut first, since a cell may hold a megabyte, and to twice the length, since a character may take two units.
  const begin = Array.from(text.slice(0, 2 * longest))
    .slice(0, longest)
    .join('');
  const shown = begin
    .replace(/\r\n|\n|\r/g, '⏎')
    .replace(/\t/g, '⇥')
    .replace(/\p{Cc}|[\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu, (sign) => {
      const code = sign.codePointAt(0) ?? 0;
      return `[U+${code.toString(16).toUpperCase().padStart(4, '0')}]`;
    });
  return begin.length < text.length ? `${shown}…` : shown;
}
