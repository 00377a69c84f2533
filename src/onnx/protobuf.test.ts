import { describe, expect, it } from 'vitest';
import { Message } from './onnx-messages.ts';

const hex = (message: Message): string => Buffer.from(message.encoded()).toString('hex');

/** Examples from protobuf.dev, "Encoding", and numbers at byte boundaries. */
describe('protobuf messages', () => {
  it('encode integers as varints', () => {
    expect(hex(new Message().int(1, 150))).toBe('089601');
    expect(hex(new Message().int(1, 0).int(1, 127).int(1, 128))).toBe('0800087f088001');
    expect(hex(new Message().int(1, -2))).toBe('08feffffffffffffffff01');
    expect(hex(new Message().int(1, 2n ** 63n - 1n))).toBe('08ffffffffffffffff7f');
  });

  it('encode fields from 16 on with longer keys', () => {
    expect(hex(new Message().int(20, 2))).toBe('a00102');
  });

  it('encode texts, bytes, messages and floats', () => {
    expect(hex(new Message().text(2, 'testing'))).toBe('120774657374696e67');
    expect(hex(new Message().message(3, new Message().int(1, 150)))).toBe('1a03089601');
    expect(hex(new Message().bytes(9, new Uint8Array(0)))).toBe('4a00');
    expect(hex(new Message().float(2, 1.5))).toBe('150000c03f');
    expect(hex(new Message().bytes(1, new Uint8Array(300))).slice(0, 6)).toBe('0aac02');
  });
});
