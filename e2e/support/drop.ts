import { expect, type Locator } from '@playwright/test';

/**
 * Drops a file or folder of the disk on an element, as a file manager does. It comes from the corner of the page and is
 * released as soon as it is over the element, before another `dragover`: a page may move things under a pointer that rests.
 */
export async function dropFromDisk(target: Locator, path: string): Promise<void> {
  await target.evaluate((element) => element.scrollIntoView({ block: 'center' }));
  await target.hover(); // waits until it stays where it is: the lines above it may change
  const box = await target.boundingBox();
  if (box === null) throw new Error('The drop target is not visible.');
  const client = await target.page().context().newCDPSession(target.page());
  const send = (type: 'dragEnter' | 'dragOver' | 'drop', x: number, y: number): Promise<unknown> =>
    client.send('Input.dispatchDragEvent', { type, x, y, data: { items: [], files: [path], dragOperationsMask: 1 } });
  await send('dragEnter', 1, 1);
  // As a person sees it before releasing: until the page has accepted what is over it, the browser refuses a drop. A file
  // that is held over a page is reported to it again and again.
  await expect(async () => {
    await send('dragOver', 1, 1);
    await target.page().getByText('Drop a model, data').waitFor({ timeout: 500 });
  }).toPass();
  await send('drop', box.x + box.width / 2, box.y + box.height / 2);
  await client.detach();
}
