import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { referencesWith } from '../testing/reference.ts';
import {
  averageScores,
  closestOf,
  type GroupedScore,
  isMostlyNotLatin,
  normalisedAnswer,
  roundedTo4,
  scoreOf,
} from './scores.ts';

interface Pair {
  task: string;
  dataset: string;
  prediction: string;
  label: string;
  normalized_prediction: string;
  normalized_label: string;
  exact_match: boolean;
  rouge1: number;
  rougeL: number;
}

const [PAIRS, AGGREGATED] = ['golden/metrics/pairs.json', 'golden/metrics/aggregated.json'];

describe.each(referencesWith(PAIRS, AGGREGATED))('against the metrics of $name', (reference) => {
  it('scores every pair as the reference does', () => {
    const pairs = reference.json<Pair[]>(PAIRS);
    expect(pairs.length).toBeGreaterThan(0);
    for (const pair of pairs) {
      const score = scoreOf(pair.prediction, pair.label);
      const name = JSON.stringify([pair.prediction, pair.label]);
      expect(normalisedAnswer(pair.prediction), name).toBe(pair.normalized_prediction);
      expect(normalisedAnswer(pair.label), name).toBe(pair.normalized_label);
      expect(score.exactMatch, name).toBe(pair.exact_match);
      // Of other scripts the reference sees nothing.
      if (isMostlyNotLatin(pair.label)) continue;
      expect(Math.abs(score.rouge1 - pair.rouge1), name).toBeLessThanOrEqual(1e-12);
      expect(Math.abs(score.rougeL - pair.rougeL), name).toBeLessThanOrEqual(1e-12);
    }
  });

  it('averages them under the same keys, in the same order, with the same rounding', () => {
    const scores = reference.json<Pair[]>(PAIRS).map((pair): GroupedScore => {
      return { kind: pair.task, dataset: pair.dataset, ...scoreOf(pair.prediction, pair.label) };
    });
    const { merged } = reference.json<{ merged: Record<string, number> }>(AGGREGATED);
    expect(Object.entries(averageScores(scores))).toEqual(Object.entries(merged));
  });
});

describe('scoreOf', () => {
  it('matches a case worked by hand', () => {
    // "the cats sat" against "cat the sat down": stems the/cat/sat shared 3 of 3 and 4; in order 2 (the sat or cat sat).
    const score = scoreOf('The cats, sat', 'cat the sat down');
    expect(score.exactMatch).toBe(false);
    expect(score.rouge1).toBeCloseTo(6 / 7, 12);
    expect(score.rougeL).toBeCloseTo(4 / 7, 12);
  });

  it('counts repeated words as often as both texts have them', () => {
    expect(scoreOf('a a a', 'a').rouge1).toBeCloseTo(0.5, 12);
  });

  it.each([
    ['Москва — столица России', 'Столица России: Москва.', 1, 2 / 3],
    ['Η Αθήνα', 'η αθήνα', 1, 1],
    ['दिल्ली भारत की राजधानी है', 'भारत की राजधानी दिल्ली', 8 / 9, 6 / 9],
    ['北京是首都', '首都是北京', 1, 2 / 5],
    ['iPhone很好用', '很好', 2 / 3, 2 / 3],
    ['good', '好', 0, 0],
  ])(
    'counts words of other scripts, which rouge_score does not see: %s for %s',
    (prediction, label, rouge1, rougeL) => {
      const score = scoreOf(prediction, label);
      expect(score.rouge1).toBeCloseTo(rouge1, 12);
      expect(score.rougeL).toBeCloseTo(rougeL, 12);
    },
  );

  it('leaves words of other scripts out beside a label in Latin letters, as rouge_score does', () => {
    expect(scoreOf('你好 world', 'world').rougeL).toBe(1);
    expect(scoreOf('α decay', 'Alpha decay').rougeL).toBeCloseTo(2 / 3, 12);
  });

  it('scores two empty texts as an exact match with ROUGE 0', () => {
    expect(scoreOf('', ' .')).toEqual({ exactMatch: true, rouge1: 0, rougeL: 0 });
  });

  it('is symmetric, at most 1, and ROUGE-L never exceeds ROUGE-1', () => {
    const text = fc.array(fc.constantFrom('true', 'false', 'very', 'positive', 'Sports!'), { maxLength: 8 });
    fc.assert(
      fc.property(text, text, (a, b) => {
        const score = scoreOf(a.join(' '), b.join(' '));
        const back = scoreOf(b.join(' '), a.join(' '));
        expect(back.rouge1).toBeCloseTo(score.rouge1, 12);
        expect(back.rougeL).toBeCloseTo(score.rougeL, 12);
        expect(score.rougeL).toBeLessThanOrEqual(score.rouge1 + 1e-12);
        expect(score.rouge1).toBeLessThanOrEqual(1);
        if (score.exactMatch && a.length > 0) expect(score.rougeL).toBe(1);
      }),
    );
  });
});

describe('normalisedAnswer', () => {
  it('folds what Python calls white space and nothing else', () => {
    expect(normalisedAnswer('  A\u00a0b\u0085c\u001cd\u3000e\n')).toBe('a b c d e');
    expect(normalisedAnswer('a\ufeffb\u200bc')).toBe('a\ufeffb\u200bc');
  });

  it('removes only ASCII punctuation', () => {
    expect(normalisedAnswer('!"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~x“y”')).toBe('x“y”');
  });
});

describe('averageScores', () => {
  const score = (kind: string, dataset: string, exactMatch: boolean, rouge: number): GroupedScore => {
    return { kind, dataset, exactMatch, rouge1: rouge, rougeL: rouge };
  };

  it('lets a dataset override a kind of the same name', () => {
    const averages = averageScores([score('QQP', 'QQP', true, 1), score('QQP', 'other', false, 0)]);
    expect(averages['exact_match']).toBe(50);
    expect(averages['exact_match_for_QQP']).toBe(100);
    expect(averages['exact_match_for_other']).toBe(0);
  });

  it('gives no averages for no scores', () => {
    expect(averageScores([])).toEqual({});
  });
});

describe('roundedTo4', () => {
  it('rounds halves to even, as in 1 of 640 right answers', () => {
    expect(roundedTo4(100 / 640)).toBe(0.1562);
    expect(roundedTo4(300 / 640)).toBe(0.4688);
    expect(roundedTo4(200 / 3)).toBe(66.6667);
    expect(roundedTo4(100)).toBe(100);
  });
});

it('finds the right answer that is closest to a written one', () => {
  expect(closestOf('a blue house', ['a red car', 'the blue house', 'a blue house'])).toBe('a blue house');
  expect(closestOf('nothing alike', ['first', 'second'])).toBe('first');
  expect(closestOf('', [])).toBe('');
});
