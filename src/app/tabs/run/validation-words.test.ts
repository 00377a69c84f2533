import { expect, test } from 'vitest';
import { heldOutLoss, validationText } from './LossChart.tsx';

const all = [4, 2, 3].map((loss, i) => ({ round: 1, step: 10 * (i + 1), loss }));

test('says where the loss on held-out examples begins to rise', () => {
  expect(validationText(all, 1, 'gloss')).toMatch(/least at step 20, 2.*, and rises from there to 3.* at step 30/);
  expect(validationText(all.slice(0, 2), 1, 'gloss')).toMatch(/falls to 2.* at step 20, its least/);
  expect(validationText(all.slice(0, 1), 1, 'gloss')).toMatch(/4.* at step 10/);
  expect(validationText([{ round: 1, step: 3, loss: null }], 1, 'gloss')).toMatch(/not finite/);
  expect(validationText(all, 2, 'field')).toBeNull();
});

test('finds the losses of steps', () => {
  expect(heldOutLoss(all, 20)).toBe(2);
  expect(heldOutLoss(all, 21)).toBeNull();
});
