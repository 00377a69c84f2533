import { readFile } from 'node:fs/promises';
import { expect, type Page } from '@playwright/test';
import { unzipSync } from 'fflate';
import Papa from 'papaparse';

/** Starts a download by `click` and reads the file. */
export async function savedBy(page: Page, click: () => Promise<void>): Promise<{ name: string; bytes: Buffer }> {
  const [download] = await Promise.all([page.waitForEvent('download'), click()]);
  return { name: download.suggestedFilename(), bytes: await readFile(await download.path()) };
}

/** Presses a button that ends in a download, and unpacks the zip. */
export async function unzipped(page: Page, button: string): Promise<Record<string, Uint8Array>> {
  const { bytes } = await savedBy(page, () => page.getByTestId(button).click());
  return unzipSync(new Uint8Array(bytes));
}

/** The numbers of a chart from its CSV: a record per row, keyed by column name. */
export async function chartNumbers(page: Page, file: string): Promise<Record<string, string>[]> {
  const { name, bytes } = await savedBy(page, () => page.getByTestId(`csv-${file}`).click());
  expect(name).toMatch(new RegExp(`^gorp-web-${file}(-[\\w-]+)?\\.csv$`));
  const { data, errors } = Papa.parse<Record<string, string>>(bytes.toString('utf8'), {
    header: true,
    skipEmptyLines: true,
  });
  expect(errors).toEqual([]);
  return data;
}

/** The SVG of a chart, which must be self-contained. */
export async function chartDrawing(page: Page, file: string): Promise<string> {
  const { name, bytes } = await savedBy(page, () => page.getByTestId(`svg-${file}`).click());
  expect(name).toMatch(new RegExp(`^gorp-web-${file}(-[\\w-]+)?\\.svg$`));
  const text = bytes.toString('utf8');
  const drawn = await page.evaluate(async (svg) => {
    const image = new Image();
    image.src = URL.createObjectURL(new Blob([svg], { type: 'image/svg+xml' }));
    await image.decode();
    return { width: image.naturalWidth, height: image.naturalHeight };
  }, text);
  expect(Math.min(drawn.width, drawn.height), `${file} is an image`).toBeGreaterThan(100);
  expect(text, 'no style sheet is needed').not.toMatch(/class=|style=|var\(|oklab|color\(/);
  return text;
}
