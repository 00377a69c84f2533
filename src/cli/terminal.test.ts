import { expect, test } from 'vitest';
import { Terminal } from './terminal.ts';

/** Both streams of a terminal, as what was written. */
function watched(json: boolean, isTTY = false): { terminal: Terminal; out: () => string; err: () => string } {
  let [out, err] = ['', ''];
  const stream = (write: (text: string) => void): NodeJS.WriteStream =>
    ({ write, isTTY, columns: 200 }) as unknown as NodeJS.WriteStream; // as much of one as is used
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

// A title set, the screen wiped, C1 controls, text turned round, a line that was never written.
const HOSTILE = 'good\u001b]0;owned\u0007\u001b[2J\u009b31m\u202eevil\r\nDone.';

test('what a terminal would obey is shown, not obeyed', () => {
  const { terminal, out, err } = watched(false);
  terminal.result(`| ${HOSTILE} |`);
  terminal.note(HOSTILE);

  for (const text of [out(), err()]) expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
  expect(err()).toBe('good\\u001b]0;owned\\u0007\\u001b[2J\\u009b31m\\u202eevil\\u000d\\nDone.\n');
  expect(out().split('\n'), 'results may have several lines').toHaveLength(3);
});

test('the line that is written over is one line', () => {
  const { terminal, err } = watched(false, true);
  terminal.live(HOSTILE);
  expect(err().startsWith('\r\u001b[2Kgood\\u001b]0;')).toBe(true);
  expect(err()).not.toContain('\n');
});

test('lines of JSON mean the same, and hold nothing that a terminal obeys', () => {
  const { terminal, out } = watched(true);
  terminal.event({ type: 'task', name: HOSTILE });

  expect(out()).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
  expect(JSON.parse(out())).toEqual({ type: 'task', name: HOSTILE });
});
