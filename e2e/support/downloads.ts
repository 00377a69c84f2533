import { readFile } from 'node:fs/promises';
import { expect, type Page } from '@playwright/test';
import Papa from 'papaparse';

/** Clicks what saves a file, and reads the file. */
export async function savedBy(page: Page, click: () => Promise<void>): Promise<{ name: string; bytes: Buffer }> {
  const [download] = await Promise.all([page.waitForEvent('download'), click()]);
  return { name: download.suggestedFilename(), bytes: await readFile(await download.path()) };
}

/** The numbers of a chart as its CSV has them: a record a row, by the names of the columns. */
export async function chartNumbers(page: Page, file: string): Promise<Record<string, string>[]> {
  const { name, bytes } = await savedBy(page, () => page.getByTestId(`csv-${file}`).click());
  expect(name).toBe(`gorp-web-${file}.csv`);
  const { data, errors } = Papa.parse<Record<string, string>>(bytes.toString('utf8'), {
    header: true,
    skipEmptyLines: true,
  });
  expect(errors).toEqual([]);
  return data;
}

/** A chart as its SVG has it: a drawing that stands by itself. */
export async function chartDrawing(page: Page, file: string): Promise<string> {
  const { name, bytes } = await savedBy(page, () => page.getByTestId(`svg-${file}`).click());
  expect(name).toBe(`gorp-web-${file}.svg`);
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
