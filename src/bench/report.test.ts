import * as v from 'valibot';
import { expect, test } from 'vitest';
import { type BenchReport, BenchReportSchema, failedPart, measuredName, reportJson, reportText } from './report.ts';

const REPORT: BenchReport = {
  date: '2026-11-26T17:20:41.123Z',
  code: { version: '0.1.0', commit: 'abc' },
  platform: 'Node 22',
  adapter: {
    kind: 'webgpu',
    vendor: 'acme',
    architecture: 'x1',
    description: '',
    software: false,
    features: ['subgroups'],
    limits: { maxBufferSize: 1 },
  },
  parts: [
    { name: 'a', status: 'measured', seconds: 1, numbers: { ms: 2 }, headline: '2 ms', text: 'table' },
    failedPart('b', { code: 'device/lost', message: 'Lost.', nextStep: 'Start again.' }),
    { name: 'c', status: 'not run', reason: 'no time' },
  ],
};

test('JSON that follows the schema, and the same in Markdown', () => {
  expect(v.parse(BenchReportSchema, JSON.parse(reportJson(REPORT)))).toEqual(REPORT);
  expect(reportText(REPORT)).toBe(
    [
      '# acme x1\n\nNode 22, gorp-web 0.1.0 (abc), 2026-11-26T17:20:41.123Z',
      '## a\n\n2 ms\n\ntable',
      '## b: failed\n\nLost.',
      '## c: not run\n\nno time\n',
    ].join('\n\n'),
  );
});

test('the name of the device', () => {
  expect(measuredName({ ...REPORT.adapter, description: 'ACME (R) X1' })).toBe('ACME (R) X1');
  expect(measuredName({ ...REPORT.adapter, vendor: '', architecture: '' })).toBe('unnamed');
});
