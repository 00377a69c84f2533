import { expect, type Page, test } from '@playwright/test';
import { namelessControls } from './support/access.ts';
import { expectNoWorkers, openWorkbench, shownError } from './support/workbench.ts';

test('the page works without a mouse and with a screen reader', async ({ page }) => {
  await openWorkbench(page);

  await test.step('the keyboard reaches every control, and Start names an invalid setting', async () => {
    // The memory plan and the lengths of the texts appear a little later, with controls of their own.
    await expect(page.locator('summary', { hasText: 'Breakdown' })).toBeVisible();
    await expect(page.getByTestId('start-facts')).toHaveAttribute('data-status', 'counted');
    const stops = await tabThrough(page);
    expect(stops.missed).toEqual([]);
    expect(stops.unmarked, 'the focus is visible').toEqual([]);
    expect(stops.start, 'Start is among the first').toBeLessThan(8);

    const rate = page.locator('[data-setting="method.learningRate"]');
    await rate.fill('0,002');
    await rate.blur();
    await expect(rate, 'a decimal comma is understood').toHaveValue('0.002');
    await expect(page.getByTestId('unusual')).toBeHidden();
    await rate.fill('2');
    await expect(page.getByTestId('unusual')).toHaveText(/Unusually large/);
    await rate.fill('1,000');
    await rate.blur();
    await expect(rate, 'what can be read in two ways stays in sight').toHaveValue('1,000');
    await expect(rate).toHaveAttribute('aria-invalid', 'true');
    await rate.fill('0.003');

    await page.locator('[data-setting="training.epochs"]').fill('0');
    await page.getByTestId('start').focus();
    await page.keyboard.press('Enter');
    const error = await shownError(page);
    expect(error.code).toBe('settings/invalid');
    expect(error.text).toContain('Epochs');
    await expect(page.locator('[data-setting="training.epochs"]')).toHaveAttribute('aria-invalid', 'true');
    await expect(page.getByTestId('stop'), 'nothing is started').toBeHidden();
    await expectNoWorkers(page);
  });

  await test.step('the document has a language, a title, landmarks and unique ids', async () => {
    await expect(page.locator('html')).toHaveAttribute('lang', /^\w/);
    await expect(page).toHaveTitle(/\w/);
    await expect(page.getByRole('heading', { level: 1 })).toHaveCount(1);
    await expect(page.getByRole('main')).toHaveCount(1);
    const ids = await page.locator('[id]').evaluateAll((elements) => elements.map(({ id }) => id));
    expect(
      ids.filter((id, i) => ids.indexOf(id) !== i),
      'ids are unique',
    ).toEqual([]);
  });

  await test.step('every control has a name, in every view and form', async () => {
    // First show what is folded or hidden by a choice, then every method, since each has its own settings.
    await page.locator('#setup-form summary').filter({ hasText: 'All settings of' }).click();
    await page.getByLabel('From the Hugging Face hub, or an address').check();
    await page.getByText('Gated models and mirrors').click();
    await page.getByRole('button', { name: 'Custom tasks, benchmarks' }).click();
    const method = page.getByTestId('method-select');
    for (const name of await method.locator('option').evaluateAll((options) => options.map((o) => o.textContent))) {
      await method.selectOption(name);
      expect(await namelessControls(page), name).toEqual([]);
    }
    for (const tab of ['ranks', 'try', 'results', 'models']) {
      await page.getByTestId(`tab-${tab}`).click();
      expect(await namelessControls(page), tab).toEqual([]);
    }
  });

  await test.step('a control without a name would be found', async () => {
    await page.evaluate(() => document.body.append(document.createElement('input')));
    expect(await namelessControls(page)).toHaveLength(1);
  });
});

/** Tabs through the page. @returns the controls not reached, those without visible focus, and the position of Start. */
async function tabThrough(page: Page): Promise<{ missed: string[]; unmarked: string[]; start: number }> {
  const unmarked: string[] = [];
  let start = Infinity;
  for (let stop = 0; ; stop++) {
    expect(stop, 'the focus returns to the first control').toBeLessThan(200);
    await page.keyboard.press('Tab');
    const focused = await page.evaluate(() => {
      const element = document.activeElement;
      if (!(element instanceof HTMLElement) || element === document.body || element.dataset['reached']) return null;
      element.dataset['reached'] = 'yes';
      // A radio button drawn as a segment marks its text.
      const marked = [element, element.nextElementSibling].some(
        (candidate) => candidate !== null && getComputedStyle(candidate).outlineStyle !== 'none',
      );
      return { html: element.outerHTML.slice(0, 120), marked, isStart: element.dataset['testid'] === 'start' };
    });
    if (focused === null) break;
    if (!focused.marked) unmarked.push(focused.html);
    if (focused.isStart) start = stop;
  }
  const missed = await page.locator('a[href], button, input, select, textarea, summary').evaluateAll((elements) =>
    elements
      .filter((element) => element.checkVisibility() && !element.matches(':disabled, [tabindex="-1"], [data-reached]'))
      // Tab reaches only the chosen radio button of a group; arrow keys reach the others.
      .filter((element) => !element.matches('[type=radio]:not(:checked)'))
      .map((element) => element.outerHTML.slice(0, 120)),
  );
  return { missed, unmarked, start };
}
