import type { Locator } from '@playwright/test';

/** Drops a file or folder of the disk on an element, as a file manager does. */
export async function dropFromDisk(target: Locator, path: string): Promise<void> {
  await target.evaluate((element) => element.scrollIntoView({ block: 'center' }));
  await target.hover(); // waits until it stays where it is: the lines above it may change
  const box = await target.boundingBox();
  if (box === null) throw new Error('The drop target is not visible.');
  const client = await target.page().context().newCDPSession(target.page());
  const at = {
    x: box.x + box.width / 2,
    y: box.y + box.height / 2,
    data: { items: [], files: [path], dragOperationsMask: 1 },
  };
  for (const type of ['dragEnter', 'dragOver', 'drop'] as const)
    await client.send('Input.dispatchDragEvent', { type, ...at });
  await client.detach();
}
