import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { UsageError } from './exit.ts';
import { readPrompts } from './generate.ts';

/** stdin with a text in it, or a terminal. */
const stdin = (text: string, isTTY = false): NodeJS.ReadStream =>
  Object.assign(Readable.from([text]), { isTTY }) as unknown as NodeJS.ReadStream;

describe('prompts of a command', () => {
  it('come from its options', async () => {
    expect(await readPrompts(['a', 'b\nc'], false, stdin('d\n'))).toEqual(['a', 'b\nc']);
  });

  it('are the non-empty lines of stdin', async () => {
    expect(await readPrompts([], false, stdin(' a {"b"}\r\n\n"c"\n  \nd'))).toEqual([' a {"b"}', '"c"', 'd']);
  });

  it('are JSON lines with --jsonl', async () => {
    const lines = '"a\\nb"\n\n{"prompt":"c\\nd","label":1}\n';
    expect(await readPrompts([], true, stdin(lines))).toEqual(['a\nb', 'c\nd']);
  });

  it.each([
    ['a\n', 'Line 1'],
    ['"a"\n{"text":"b"}\n', 'Line 2'],
    ['7\n', 'Line 1'],
  ])('are refused from %j', async (lines, where) => {
    await expect(readPrompts([], true, stdin(lines))).rejects.toMatchObject({
      code: 'run/bad-prompts',
      message: expect.stringContaining(where) as string,
    });
  });

  it.each([
    ['a terminal', [], false, stdin('', true)],
    ['an empty stdin', [], false, stdin('\n \n')],
    ['an empty option', [''], false, stdin('a')],
    ['--jsonl with --prompt', ['a'], true, stdin('a')],
  ] as const)('are missing with %s', async (_, given, jsonl, stream) => {
    await expect(readPrompts(given, jsonl, stream)).rejects.toBeInstanceOf(UsageError);
  });
});
