import { describe, expect, it } from 'vitest';
import { visibleText } from './visible.ts';

describe('visibleText', () => {
  it('leaves visible characters alone, markup included', () => {
    for (const text of ['<img src=x onerror=alert(1)>', 'Grüße 評判 😀', '&amp;'])
      expect(visibleText(text, 80)).toBe(text);
  });

  it('shows invisible characters', () => {
    expect(visibleText('a\r\nb\tc\u0007\u0085', 80)).toBe('a⏎b⇥c[U+0007][U+0085]');
    expect(visibleText('\u202eabc\u2066', 80)).toBe('[U+202E]abc[U+2066]');
  });

  it('cuts long texts without splitting a character', () => {
    expect(visibleText('x'.repeat(2 ** 20), 5)).toBe('xxxxx…');
    expect(visibleText('😀😀😀', 2)).toBe('😀😀…');
    expect(visibleText('😀😀', 2)).toBe('😀😀');
  });
});
