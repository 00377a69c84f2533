import { describe, expect, it } from 'vitest';
import { fillTemplate } from './template.ts';

const fill = (lines: string[], values: Parameters<typeof fillTemplate>[1] = {}): string[] =>
  fillTemplate(lines.join('\n'), values).split('\n');

describe('fillTemplate', () => {
  it('fills in values, sums and products', () => {
    const values = { n: 3, type: 'vec4f', i: 2, yes: true };
    expect(fill(['let x: {{type}} = a{{i}}[{{ i * 4 + n }}]; // {{yes}} {{2 * n * i}}{{n}}'], values)).toEqual([
      'let x: vec4f = a2[11]; // true 123',
    ]);
  });

  it('leaves similar-looking WGSL alone', () => {
    const wgsl = [
      'struct P { a: u32 }',
      'for (var i = 0u; i < 4u; i++) { if (i > 2u) { x = {}; } else { } }',
      '',
      '# no',
    ];
    expect(fill(wgsl)).toEqual(wgsl);
  });

  it.each([
    [true, true, ['A', 'B', 'end']],
    [true, false, ['A', 'not B', 'end']],
    [false, true, ['not A', 'end']],
    [0, '', ['not A', 'end']],
  ])('emits the lines of the taken branch: A = %s, B = %s', (A, B, expected) => {
    const template = ['#if A', 'A', '  #if !B', 'not B', '  #else', 'B', '  #endif', '#else', 'not A', '#endif', 'end'];
    expect(fill(template, { A, B })).toEqual(expected);
  });

  it('repeats lines, nested or zero times', () => {
    const template = ['#for i in N', '#for j in 2', '{{i}}{{j}}', '#endfor', '#if LAST', 'x{{i}}', '#endif', '#endfor'];
    expect(fill(template, { N: 2, LAST: true })).toEqual(['00', '01', 'x0', '10', '11', 'x1']);
    expect(fillTemplate(template.join('\n'), { N: 0, LAST: true })).toBe('');
  });

  it('writes a loop where the count is an expression', () => {
    const template = ['#for e in EACH', 's{{r}} += x[{{e}}] * y{{e}};', '#endfor'];
    expect(fill(template, { EACH: 2, r: 1 })).toEqual(['s1 += x[0] * y0;', 's1 += x[1] * y1;']);
    const loop = ['for (var e = 0u; e < p.E; e++) {', 's1 += x[e] * ye;', '}'];
    expect(fill(template, { EACH: 'p.E', r: 1 })).toEqual(loop);
  });

  it('ignores unknown names in dropped lines', () => {
    expect(fill(['#if A', '{{nothing}}', '#for i in nothing', '#endfor', '#endif', 'x'], { A: false })).toEqual(['x']);
  });

  it.each([
    ['an unknown name', ['{{nothing}}']],
    ['an object member as a name', ['{{constructor}}']],
    ['a name in a condition', ['#if nothing', '#endif']],
    ['a count', ['#for i in nothing', '#endfor']],
    ['an unclosed condition', ['#if A', 'x']],
    ['an unclosed loop', ['#for i in 2', 'x']],
    ['a loop closed as a condition', ['#for i in 2', 'x', '#endif']],
    ['an end without a start', ['x', '#endif']],
    ['an else without a condition', ['#else', 'x']],
    ['two elses', ['#if A', '#else', '#else', '#endif']],
  ])('refuses %s', (_, lines) => {
    expect(() => fill(lines, { A: true })).toThrow(/^template: /);
  });
});
