import { expect, test } from '@playwright/test';

test('the page loads without an error and asks no other host for anything; Back and a reload return to the last view', async ({
  page,
  baseURL,
}) => {
  const faults: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error') faults.push(message.text());
  });
  page.on('pageerror', (error) => faults.push(error.message));
  page.on('requestfailed', (request) => faults.push(`${request.url()}: ${request.failure()?.errorText ?? 'failed'}`));
  page.on('request', (request) => {
    const { protocol, origin } = new URL(request.url());
    if (protocol.startsWith('http') && origin !== new URL(baseURL ?? '').origin) faults.push(`asks ${request.url()}`);
  });
  await page.goto('/', { waitUntil: 'networkidle' });
  await expect(page.getByRole('button', { name: /start/i })).toBeVisible();
  expect(faults).toEqual([]);

  const selected = (name: string): Promise<void> =>
    expect(page.getByRole('tab', { name })).toHaveAttribute('aria-selected', 'true');
  await selected('Run');
  await page.keyboard.press('Tab');
  await expect(page.getByTestId('skip'), 'the first stop skips the settings').toBeFocused();
  await page.keyboard.press('Enter');
  await expect(page.getByTestId('tab-run')).toBeFocused();
  await page.getByTestId('tab-models').click();
  await page.getByTestId('tab-results').click();
  await page.goBack();
  await selected('Models');
  await page.reload();
  await selected('Models');
  await page.goBack();
  await selected('Run');
  await page.goForward();
  await selected('Models');
});
