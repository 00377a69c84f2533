import { expect, type Page, test } from '@playwright/test';
import { quickResults } from '../src/testing/scripted-results.ts';
import { expectTablesBesideCharts, LOOKS_ONLY, untilDrawn, violations } from './support/access.ts';
import { openWorkbench } from './support/workbench.ts';

const WIDE = { width: 1280, height: 900 };
const NARROW = { width: 390, height: 844 };
const LOOKS = [
  [WIDE, 'light', undefined],
  [NARROW, 'dark', LOOKS_ONLY],
] as const;

test('axe finds nothing on any tab after a run, nor on the form before, light and dark, narrow and wide', async ({
  page,
}) => {
  test.setTimeout(300_000);
  await page.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce' });
  await openWorkbench(page);
  const tabs = await page
    .getByRole('tab')
    .evaluateAll((all) => all.map((tab) => tab.getAttribute('data-testid') ?? ''));
  expect(tabs.length).toBeGreaterThan(4);
  await page.locator('#setup-form details > summary').filter({ visible: true }).first().click();

  await test.step('before a run', async () => {
    // Before a run, the other tabs hold a line of text, and controls whose names access.spec.ts reads.
    await expectAccessible(page, 'tab-run');
  });

  await test.step('after runs', async () => {
    await page.getByTestId('tab-compare').click();
    const runs = [quickResults('gorp', 1), quickResults('gorp', 2), quickResults('seq-lora', 1)];
    await page
      .getByTestId('take-results')
      .setInputFiles(
        runs.map((run, i) => ({ name: `${i}.json`, mimeType: '', buffer: Buffer.from(JSON.stringify(run)) })),
      );
    await expect(page.getByTestId('compared').getByRole('listitem')).toHaveCount(3);
    await page.getByTestId('tab-queue').click();
    await page.getByTestId('queue-add').click();
    await page.getByTestId('tab-results').click();
    await page
      .getByRole('button', { name: /^Open the run .*, gorp, of/ })
      .first()
      .click();
    await expect(page.getByTestId('phase')).toHaveText('Finished');
    for (const tab of tabs) await expectAccessible(page, tab);
    for (const tab of ['tab-run', 'tab-ranks', 'tab-compare']) {
      await page.getByTestId(tab).click();
      await expectTablesBesideCharts(page);
    }
  });

  await test.step('a term explains itself, by keyboard', async () => {
    await page.getByTestId('tab-ranks').click();
    const term = page.getByRole('button', { name: 'projection', exact: true });
    await term.focus();
    await page.keyboard.press('Enter');
    const about = page.getByRole('dialog', { name: 'Projection' });
    await expect(about).toBeFocused();
    await expect(about).toHaveAccessibleDescription(/shadow/);
    expect(await violations(page, true)).toEqual([]);
    await page.keyboard.press('Tab');
    await expect(about.getByRole('link', { name: 'section 4 of the method' })).toBeFocused();
    const [method] = await Promise.all([page.waitForEvent('popup'), page.keyboard.press('Enter')]);
    await expect(method.locator(':target')).toHaveText('4. The shared space, at the end of a task');
    await method.close();
    await page.keyboard.press('Tab');
    await expect(about.getByRole('link', { name: 'the paper' })).toBeFocused();
    await page.keyboard.press('Escape');
    await expect(about).toBeHidden();
    await expect(term).toBeFocused();
  });

  await test.step('a violation would be found', async () => {
    await page.evaluate(() => document.body.append(document.createElement('input')));
    await expect(expectAccessible(page, 'tab-run')).rejects.toThrow('label');
  });
});

/**
 * Checks a tab wide and light, then narrow and dark: colours do not depend on the width, nor the layout on colours. Most
 * rules depend on neither, so a tab's content is checked by them once.
 * What lies outside the tabs is the same on each of them, so it is checked with the first only.
 */
async function expectAccessible(page: Page, tab: string) {
  for (const [size, colorScheme, rules] of LOOKS) {
    await page.setViewportSize(size);
    await page.emulateMedia({ colorScheme });
    await page.getByTestId(tab).click();
    await untilDrawn(page);
    const found = await violations(page, tab !== 'tab-run', rules);
    expect(found, `${tab}, ${size.width} pixels, ${colorScheme}`).toEqual([]);
  }
}
