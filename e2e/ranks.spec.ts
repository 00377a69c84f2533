import { expect, type Page, test } from '@playwright/test';
import { largeResults } from '../src/app/testing/large-results.ts';
import { chartNumbers } from './support/downloads.ts';
import { openWorkbench } from './support/workbench.ts';

test('ranks of fifteen tasks and the 96 matrices of T5-large are grouped, folded, and quick to look through @slow', async ({
  page,
}) => {
  const results = largeResults();
  await openWorkbench(page);
  await page.getByTestId('tab-compare').click();
  await page
    .getByTestId('take-results')
    .setInputFiles({ name: 'large.json', mimeType: '', buffer: Buffer.from(JSON.stringify(results)) });
  await expect(page.getByTestId('compared').getByRole('listitem')).toHaveCount(1);
  await page.getByTestId('tab-results').click();
  await page.getByRole('button', { name: /^Open the run .*, gorp, of/ }).click();
  await page.getByTestId('tab-ranks').click();

  const map = page.getByTestId('ranks-map');
  const lines = map.getByRole('row').filter({ has: page.getByRole('rowheader') });
  await expect(lines, 'folded').toHaveCount(2);
  await map.getByRole('button', { name: /^decoder cross-attention/ }).click();
  await expect(lines).toHaveCount(2 + 24);
  await map.getByRole('button', { name: /^Layer 7 / }).click();
  await expect(lines).toHaveCount(2 + 24 + 2);

  await test.step('a cell shows the numbers of the file, and the keyboard moves to other cells', async () => {
    const { tensors } = results.spaces[4];
    const space = tensors.find(({ name }) => name === 'decoder.block.7.layer.1.EncDecAttention.q');
    const task = results.settings.order[4];
    const cell = map.getByRole('gridcell', {
      name: `decoder 7 cross-attention query, ${task}: ${space?.added} added, ${space?.total} of 1024 held`,
    });
    await cell.click();
    await expect(cell).toHaveAttribute('aria-selected', 'true');
    await expect(page.getByTestId('spectrum')).toContainText(`decoder 7 cross-attention query after task 5, ${task}`);
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('Enter');
    await expect(page.getByTestId('spectrum')).toContainText('decoder 7 cross-attention value after task 6');
  });

  await test.step('with everything unfolded, a choice redraws two lines, not a hundred', async () => {
    await page.getByTestId('unfold-all').click();
    await expect(lines).toHaveCount(2 + 48 + 96);
    const far = map.getByRole('gridcell', { name: /^encoder 20 self-attention value, WiC/ });
    await expect(far, 'no cell is drawn out of sight').toHaveCount(0);
    await map.getByRole('button', { name: /^Layer 20 .*adapters/ }).focus();
    await expect(far, 'a line is drawn when it comes into sight').toHaveCount(1);
    const changed = await changedLines(page, () => far.click());
    expect(changed).toBe(2);
    await map.getByRole('button', { name: /^Layer 0 .*adapters/ }).click();
    await expect(lines).toHaveCount(2 + 48 + 94);
  });

  await test.step('it fits the page, wide and narrow', async () => {
    for (const width of [1280, 390]) {
      await page.setViewportSize({ width, height: 900 });
      const room = page.getByRole('region', { name: 'Map of directions held' });
      const last = map.getByRole('columnheader').nth(results.settings.order.length);
      const [frame, head] = [await room.boundingBox(), await last.boundingBox()];
      expect((head?.x ?? 0) + (head?.width ?? 0), `all tasks are in sight at ${width}`).toBeLessThanOrEqual(
        (frame?.x ?? 0) + (frame?.width ?? 0),
      );
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
    }
  });

  const numbers = await chartNumbers(page, 'ranks');
  expect(numbers).toHaveLength(15 * 96);
  expect(numbers.map(({ added }) => Number(added)).reduce((a, b) => a + b)).toBe(
    results.spaces.flatMap(({ tensors }) => tensors).reduce((sum, { added }) => sum + added, 0),
  );
});

/** Counts the lines of the map that an action changes. */
async function changedLines(page: Page, act: () => Promise<void>): Promise<number> {
  await page.evaluate(() => {
    const seen = new Set<Element>();
    const observer = new MutationObserver((records) => {
      for (const { target } of records) {
        const element = target instanceof Element ? target : target.parentElement;
        const line = element?.closest('[role=row]');
        if (line) seen.add(line);
      }
    });
    const body = document.querySelector('[data-testid=ranks-map]');
    if (body) observer.observe(body, { subtree: true, childList: true, attributes: true, characterData: true });
    Object.assign(globalThis, { changedLines: seen });
  });
  await act();
  await expect(page.locator('[data-testid=ranks-map] [aria-selected=true]')).toBeVisible();
  return page.evaluate(() => (globalThis as unknown as { changedLines: Set<Element> }).changedLines.size);
}
