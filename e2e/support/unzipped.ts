import { readFile } from 'node:fs/promises';
import type { Page } from '@playwright/test';
import { unzipSync } from 'fflate';

/** Presses a button that ends in a download, and unpacks the zip. */
export async function unzipped(page: Page, button: string): Promise<Record<string, Uint8Array>> {
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByTestId(button).click()]);
  return unzipSync(new Uint8Array(await readFile(await download.path())));
}
