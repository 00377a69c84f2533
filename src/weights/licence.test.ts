import { describe, expect, it } from 'vitest';
import { licenceOf } from './model-folder.ts';

describe('licenceOf', () => {
  it('reads the licence from the header of a model card', () => {
    expect(licenceOf('---\nlanguage: en\nlicense: apache-2.0\n---\n# A model\nlicense: mit')).toBe('apache-2.0');
    expect(licenceOf('---\r\nlicense: "mit"\r\ntags:\r\n- x\r\n---\r\n')).toBe('mit');
  });

  it('prefers the name of a licence of its own', () => {
    expect(licenceOf('---\nlicense: other\nlicense_name: llama-licence\n---\n')).toBe('llama-licence');
    expect(licenceOf('---\nlicense: other\n---\n')).toBe('other');
  });

  it('takes a time that grows with the length of the card', () => {
    // By the square of it, each of these would take a minute or more.
    const many = 300_000;
    for (const filler of [' ', '"', '-', 'a ', '\n', '\nlicense: ', '\r'])
      expect(licenceOf(`---\nlicense: a${filler.repeat(many)}!\n---\n`) ?? 'none').toMatch(/^(?:none|a)$/);
    expect(licenceOf(`---\nlicense: mit${' '.repeat(many)}\n---\n`)).toBe('mit');
  });

  it('finds none outside the header, or without one', () => {
    expect(licenceOf('# A model\nlicense: mit\n')).toBeNull();
    expect(licenceOf('---\nlanguage: en\n---\nlicense: mit\n')).toBeNull();
    expect(licenceOf('')).toBeNull();
  });
});
