import { createElement } from 'react';
import { renderToStaticMarkup } from 'react-dom/server';
import { describe, expect, it } from 'vitest';
import { ChartDrawing } from './Figure.tsx';

/** The x of every corner of the band around a line, as drawn over a logarithmic axis from 0.1 to 1. */
function cornersOfBand(lows: readonly number[]): number[] {
  const points = lows.map((low, x) => ({ x, y: 0.5, low, high: 0.8 }));
  const drawn = renderToStaticMarkup(
    createElement(ChartDrawing, {
      label: 'Loss',
      xName: 'step',
      yName: 'loss',
      formatX: String,
      formatY: String,
      width: 300,
      height: 200,
      lines: [{ name: 'one', color: 'black', points }],
      x: { from: 0, to: lows.length - 1, isLog: false },
      y: { from: 0.1, to: 1, isLog: true },
    }),
  );
  const [, path = ''] = /<path[^>]* d="(M[^"]*Z)"/.exec(drawn) ?? [];
  return [...path.matchAll(/[ML]\s*(-?[\d.]+)/g)].map(([, x]) => Number(x));
}

describe('the band around a line', () => {
  it('continues below a logarithmic axis whose range its lower end leaves', () => {
    const whole = cornersOfBand([0.2, 0.2, 0.2]);
    expect(whole).toHaveLength(6);
    expect(cornersOfBand([0.2, -0.3, 0.2])).toEqual(whole);
    expect(cornersOfBand([0, -0.3, -1])).toEqual(whole);
  });
});
