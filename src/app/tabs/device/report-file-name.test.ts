import { expect, test } from 'vitest';
import { HEAD } from '../../testing/scripted-bench.ts';
import { reportFileName } from './MeasureSection.tsx';

test('the name has the device, in letters that every system allows, and the time', () => {
  const adapter = { ...HEAD.adapter, description: '(ACME) X-1!' };
  expect(reportFileName({ adapter, date: '2026-11-26T17:20:41.123Z' })).toBe(
    'gorp-web-device-acme-x-1-20261126-1720.json',
  );
});
