import { expect, test } from 'vitest';
import { filled, Terminal } from './terminal.ts';

/** Both streams of a terminal, and what was written to them. */
function watched(json: boolean, isTTY = false): { terminal: Terminal; out: () => string; err: () => string } {
  let [out, err] = ['', ''];
  const stream = (write: (text: string) => void): NodeJS.WriteStream =>
    ({ write, isTTY, columns: 200 }) as unknown as NodeJS.WriteStream; // only the parts in use
  return {
    terminal: new Terminal(
      json,
      stream((text) => (out += text)),
      stream((text) => (err += text)),
    ),
    out: () => out,
    err: () => err,
  };
}

// Sets the title, clears the screen, C1 controls, reverses text, forges a line.
const HOSTILE = 'good\u001b]0;owned\u0007\u001b[2J\u009b31m\u202eevil\r\nDone.';

test('escapes what a terminal would obey', () => {
  const { terminal, out, err } = watched(false);
  terminal.result(`| ${HOSTILE} |`);
  terminal.note(HOSTILE);

  for (const text of [out(), err()]) expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
  expect(err()).toBe('good\\u001b]0;owned\\u0007\\u001b[2J\\u009b31m\\u202eevil\\u000d\\nDone.\n');
  expect(out().split('\n'), 'results may have several lines').toHaveLength(3);
});

test('the overwritten line is a single line', () => {
  const { terminal, err } = watched(false, true);
  terminal.live(HOSTILE);
  expect(err().startsWith('\r\u001b[2Kgood\\u001b]0;')).toBe(true);
  expect(err()).not.toContain('\n');
});

test('lines of JSON keep their meaning and contain nothing that a terminal obeys', () => {
  const { terminal, out } = watched(true);
  terminal.event({ type: 'task', name: HOSTILE });

  expect(out()).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
  expect(JSON.parse(out())).toEqual({ type: 'task', name: HOSTILE });
});

test('a usage is filled to the width of the terminal, with the texts of options below each other', () => {
  const usage = `Usage: gorp-web do FILE [options]
       gorp-web do --again

Does what is to be done, and
says so at the end.

  do       the same
  --model NAME     an embedded model, a folder
                   on disk or an address
  --checkpoint MINUTES  how often it is saved
  --help`;
  expect(filled(usage, 44).split('\n')).toEqual([
    'Usage: gorp-web do FILE [options]',
    '       gorp-web do --again',
    '',
    'Does what is to be done, and says so at the',
    'end.',
    '',
    '  do       the same',
    '  --model NAME     an embedded model, a',
    '                   folder on disk or an',
    '                   address',
    '  --checkpoint MINUTES  how often it is',
    '                   saved',
    '  --help',
  ]);
});
