import { expect, type Page } from '@playwright/test';

/** Every chart must have a name, and in its section a table with its numbers. */
export async function expectTablesBehindCharts(page: Page): Promise<void> {
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
