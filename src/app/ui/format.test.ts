import { describe, expect, it } from 'vitest';
import { bytes, duration, moment, NONE, percent, points, significant, whole } from './format.ts';

describe('format', () => {
  it('writes percent and points', () => {
    expect([percent(0.787), percent(0), percent(null), percent(1)]).toEqual(['78.7', '0.0', NONE, '100.0']);
    expect([points(-0.3666), points(0.05), points(0.0001), points(-0.0001), points(null)]).toEqual([
      '−36.7',
      '+5.0',
      '±0.0',
      '±0.0',
      NONE,
    ]);
  });

  it('writes counts, losses and bytes', () => {
    expect([whole(12345.6), whole(null)]).toEqual(['12,346', NONE]);
    expect([
      significant(0.4213),
      significant(1234.5),
      significant(0.0000123),
      significant(NaN),
      significant(0),
    ]).toEqual(['0.421', '1,235', '1.23e-5', NONE, '0.00']);
    expect([bytes(0), bytes(1023), bytes(45_088_768), bytes(3 * 2 ** 30), bytes(null)]).toEqual([
      '0 B',
      '1023 B',
      '43.0 MiB',
      '3.00 GiB',
      NONE,
    ]);
  });

  it('writes durations without rolling over', () => {
    expect([duration(0.4), duration(59.6), duration(130), duration(3599.7), duration(3900)]).toEqual([
      '0 s',
      '1 min 00 s',
      '2 min 10 s',
      '1 h 00 min',
      '1 h 05 min',
    ]);
    expect(duration(null)).toBe(NONE);
  });

  it('writes a moment, and a dash for an invalid date', () => {
    expect(moment('2026-11-24T16:05:00')).toBe('2026-11-24 16:05');
    expect(moment('yesterday')).toBe(NONE);
  });
});
