import { describe, expect, it } from 'vitest';
import { dotLabels } from './Plane.tsx';

const frame = { left: 0, right: 300, top: 0, bottom: 200 };

describe('dotLabels', () => {
  it('puts a label to the right of its dot, and to the left at the right edge', () => {
    const dots = [
      { x: 100, y: 100 },
      { x: 290, y: 50 },
    ];
    expect(
      dotLabels(
        dots,
        dots.map((_, dot) => ({ dot, width: 50 })),
        frame,
      ),
    ).toEqual([
      { x: 111, y: 100, anchor: 'start' },
      { x: 279, y: 50, anchor: 'end' },
    ]);
  });

  it('covers neither other dots nor other labels', () => {
    const dots = [
      { x: 100, y: 100 },
      { x: 125, y: 100 },
      { x: 75, y: 100 },
    ];
    const labels = dotLabels(
      dots,
      dots.map((_, dot) => ({ dot, width: 40 })),
      frame,
    );
    expect(labels.map(({ anchor, y }) => [anchor, Math.sign(y - 100)])).toEqual([
      ['middle', -1],
      ['start', 0],
      ['end', 0],
    ]);
  });

  it('puts long labels of two dots at the same height one above the other', () => {
    const dots = [
      { x: 30, y: 100 },
      { x: 280, y: 100 },
    ];
    const [first, second] = dotLabels(
      dots,
      dots.map((_, dot) => ({ dot, width: 160 })),
      frame,
    );
    expect(first).toMatchObject({ y: 100, anchor: 'start' });
    expect(second).toEqual({ x: 280, y: 83, anchor: 'end' });
  });

  it('stays inside the frame when a label must cover something', () => {
    const dots = [
      { x: 10, y: 10 },
      { x: 40, y: 10 },
      { x: 10, y: 27 },
    ];
    const [label] = dotLabels(dots, [{ dot: 0, width: 60 }], frame);
    expect(label.anchor).toBe('start');
  });
});
