import { describe, expect, it } from 'vitest';
import { startingMethod } from '../../run/settings/starting-values.ts';
import { storyOf } from './story.ts';

const order = ['gloss', 'field', 'emoji'];
const settings = { order, method: startingMethod('embedded', 'seq-lora') };
const counts = (count: number): number[] => order.map(() => count);

describe('storyOf', () => {
  it('names what was learned, what fell and when, and what stayed', () => {
    const matrix = [
      [0.37, 0.27, 0.01],
      [0.79, 0.55, null],
      [0.75, 0.81, 0.2],
      [0.41, 0.78, 0.67],
    ];
    const story = storyOf(settings, matrix, counts(100));
    expect(story?.tasks).toEqual([
      {
        task: 'gloss',
        tone: 'fell',
        text: 'gloss was learned, from 37 % to 79 % of 100 answers, and fell to 41 % (−38 points, 95 % interval −49 to −25) while emoji was learned.',
      },
      {
        task: 'field',
        tone: 'learned',
        text: 'field was learned, from 27 % to 81 % of 100 answers, and stayed close to it: now 78 %, a difference that may be chance.',
      },
      { task: 'emoji', tone: 'learned', text: 'emoji was learned, from 1 % to 67 % of 100 answers.' },
    ]);
    expect(story?.limit).toBe('With this many tests, only a loss of 13 points or more can be told from chance.');
  });

  it('judges a change by the answers that turned, where they are known', () => {
    const matrix = [
      [0.3, 0.3, 0],
      [0.7, 0.3, null],
      [0.58, 0.8, 0],
    ];
    const told = (wrong: number, right: number) =>
      storyOf(settings, matrix, counts(100), (j, [from]) => (j === 0 && from === 1 ? { wrong, right } : null));
    // Independent samples would not show it: 70 of 100 and 58 of 100.
    expect(storyOf(settings, matrix, counts(100))?.tasks[0].text).toContain('may be chance');
    expect(told(19, 7)?.tasks[0]).toMatchObject({ tone: 'fell' });
    expect(told(19, 7)?.tasks[0].text).toMatch(
      /fell to 58 % \(−12 points, 95 % interval −2\d to −\d; 19 turned wrong, 7 right, p = 0\.029\) while field was learned/,
    );
    expect(told(42, 30)?.tasks[0]).toMatchObject({ tone: 'learned' });
    expect(told(19, 7)?.limit).toBe('With this many tests, only a loss of 6 points or more can be told from chance.');
  });

  it('begins with the last test before a task was learned, if a model was taught before it was first tested', () => {
    const matrix = [
      [0, null, null],
      [0.9, 0.1, null],
      [0.9, 0.8, 0.2],
      [0.9, 0.8, 0.9],
    ];
    expect(storyOf(settings, matrix, counts(100))?.tasks.map(({ text }) => text.split(',')[1])).toEqual([
      ' from 0 % to 90 % of 100 answers',
      ' from 10 % to 80 % of 100 answers',
      ' from 20 % to 90 % of 100 answers.',
    ]);
  });

  it('spreads a change over the rounds that made it', () => {
    const matrix = [
      [0, 0, 0],
      [0.9, 0.1, null],
      [0.65, 0.8, 0.1],
      [0.4, 0.8, 0.9],
    ];
    const story = storyOf(settings, matrix, counts(100));
    expect(story?.tasks[0].text).toContain('while field and emoji were learned');
    expect(story?.tasks[1].text).toMatch(/, and stayed there\.$/);
  });

  it('tells a rise, and a task that was not learned', () => {
    const matrix = [
      [0.4, 0.3, 0],
      [0.42, 0.3, null],
      [0.8, 0.1, 0],
    ];
    const story = storyOf(settings, matrix, counts(100));
    expect(story?.tasks.map(({ tone }) => tone)).toEqual(['rose', 'fell']);
    expect(story?.tasks[0].text).toMatch(
      /^gloss was not clearly learned: it had 40 % before and 42 % of 100 answers after, .* and rose to 80 % /,
    );
  });

  it('says when tests are too few', () => {
    const matrix = [
      [0, 0, 0],
      [0.5, 0, null],
      [0.25, 1, 0],
    ];
    expect(storyOf(settings, matrix, counts(4))?.limit).toMatch(/too few test examples/);
    const coarse = storyOf(settings, matrix, counts(24))?.limit;
    expect(coarse).toBe(
      'With this many tests, only a loss of 29 points or more can be told from chance. Use more test examples to see smaller ones.',
    );
    const unlike = [...matrix.slice(0, 2), [0.5, 0.96, 0], [0.5, 0.96, 0.9]];
    expect(storyOf(settings, unlike, counts(24))?.limit).toMatch(/a loss of 21 to 29 points or more, depending/);
  });

  it('compares nothing in a mixed run, before the first test, and with a single task', () => {
    const mixed = [
      [0.1, 0.1, 0.1],
      [null, null, null],
      [null, null, null],
      [0.9, 0.9, 0.9],
    ];
    const story = storyOf({ order, method: startingMethod('embedded', 'mtl') }, mixed, counts(50));
    expect(story?.tasks).toHaveLength(3);
    expect(story?.limit).toBeNull();
    expect(storyOf(settings, [[0.1, 0.1, 0.1]], counts(9))).toBeNull();
    const single = storyOf({ ...settings, order: ['gloss'] }, [[0.1], [0.9]], [50]);
    expect(single?.tasks[0].text).toBe('gloss was learned, from 10 % to 90 % of 50 answers.');
    expect(single?.limit).toBeNull();
  });
});
