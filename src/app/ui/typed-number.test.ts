import { describe, expect, it } from 'vitest';
import { typedNumber } from './hooks.ts';

describe('typedNumber', () => {
  it.each([
    ['0.003', 0.003],
    ['0,003', 0.003],
    [' 3e-3 ', 0.003],
    ['3E−3', 0.003],
    ['1,5', 1.5],
    ['1.500', 1.5],
    ['.5', 0.5],
    ['5.', 5],
    ['−2', -2],
    ['12 000', 12000],
    ['1\u202F000\u202F000', 1000000],
    ['1’000', 1000],
    ['1,2500', 1.25],
  ])('reads %s as %d', (text, value) => {
    expect(typedNumber(text, false)).toEqual({ value });
  });

  it('does not guess what means different numbers in different countries', () => {
    expect(typedNumber('1,000', false)).toBe('ambiguous');
    expect(typedNumber('12,500', true)).toBe('ambiguous');
    expect(typedNumber('1.000', true)).toBe('ambiguous');
    expect(typedNumber('0.001', true)).toEqual({ value: 0.001 }); // no grouped number begins with 0
  });

  it.each([
    ['10 %', 0.1],
    ['2,5%', 0.025],
    ['0.1', 0.1],
    ['7', 7],
  ])('reads %s as %d where a share may be meant', (text, value) => {
    expect(typedNumber(text, true, true)).toEqual({ value });
  });

  it('takes a share in percent only where one may be meant', () => {
    expect(typedNumber('10 %', true)).toBeNull();
  });

  it.each(['', 'abc', '1e', '1,2,3', '1.2.3', '--1', '1 2', '0x10', 'Infinity', '1,000.5'])('refuses “%s”', (text) => {
    expect(typedNumber(text, false)).toBeNull();
  });
});
