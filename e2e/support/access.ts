import axe from 'axe-core';
import { expect, type Page } from '@playwright/test';

/** Rules of axe that depend on colours or on the room that there is. */
export const LOOKS_ONLY = ['color-contrast', 'target-size', 'scrollable-region-focusable', 'meta-viewport'];

/**
 * Returns the faults that axe finds on the page, or in the selected tab alone; by all of its rules unless some are
 * named.
 */
export async function violations(page: Page, isTabOnly = false, rules?: string[]): Promise<string[]> {
  // It is half a megabyte of code, so that a page gets it once.
  if (!(await page.evaluate(() => 'axe' in globalThis))) await page.evaluate(axe.source);
  const found = await page.evaluate(
    async ({ only, values }) => {
      const { violations } = await (globalThis as unknown as { axe: typeof axe }).axe.run(only ?? document, {
        // What passes is not described: naming its elements takes longer than the checks.
        resultTypes: ['violations'],
        ...(values && { runOnly: { type: 'rule', values } }),
      });
      return violations.map(({ id, nodes }) => ({ id, targets: nodes.map(({ target }) => target.join(' ')) }));
    },
    { only: isTabOnly ? 'main' : null, values: rules },
  );
  return found.flatMap(({ id, targets }) => targets.map((target) => `${id}: ${target}`));
}

/** Waits until what a tab shows is loaded and its charts are drawn: they need its width, so their tables come first. */
export async function untilDrawn(page: Page): Promise<void> {
  await expect(page.getByText('Loading…')).toHaveCount(0);
  for (const caption of await page.locator('main summary', { hasText: 'as a table' }).all()) {
    await expect(caption.locator('xpath=ancestor::section[1]').getByRole('img')).not.toHaveCount(0);
  }
}

/** Every chart must have a name, and in its section a table with its numbers. */
export async function expectTablesBesideCharts(page: Page): Promise<void> {
  await untilDrawn(page);
  const charts = await page.locator('main [role=img]').all();
  expect(charts.length).toBeGreaterThan(0);
  for (const chart of charts) {
    const name = (await chart.getAttribute('aria-label')) ?? '';
    expect(name).not.toBe('');
    const section = chart.locator('xpath=ancestor::section[1]');
    await expect(section.locator('summary', { hasText: 'as a table' }), name).toBeVisible();
  }
}

/** Lines of the browser's accessibility tree for controls without a name. */
export async function namelessControls(page: Page): Promise<string[]> {
  const tree = await page.locator('body').ariaSnapshot();
  const roles = 'button|checkbox|combobox|link|radio|radiogroup|slider|spinbutton|tab|textbox|region|img|table|grid';
  return tree.split('\n').filter((line) => new RegExp(`^\\s*- (?:${roles})(?! ")\\b`).test(line));
}
