import type { Page } from '@playwright/test';
import { factsOf } from '../../src/device/webgpu/gpu.ts';
import { attentionClassOf, attentionVariantsOf, nameOfClass } from '../../src/device/webgpu/kernels/attention.ts';
import type { MatmulVariant } from '../../src/device/webgpu/kernels/matmul-variants.ts';
import { lanesOf } from '../../src/device/webgpu/subgroups.ts';
import { tuningKey } from '../../src/device/webgpu/tune.ts';
import type { KernelChoices } from '../../src/device/webgpu/tuning.ts';

/** As src/worker/tuning-store.ts names them. */
const DATABASE = 'gorp-web-tuning';
const STORE = 'values';

/** With what a software adapter starts any class of products (`startVariant`). */
const START: MatmulVariant = 'register-4';

const LAYOUTS = ['nn', 'nt', 'tn'];
const FORMS = ['', '-odd', '-tail', '-ragged'].flatMap((rows) =>
  ['', '-part'].flatMap((part) => ['', '-split'].map((split) => rows + part + split)),
);
const SIZES = [8, 16, 32, 64, 128, 256];

/** The first kernel for every class of products, as `shapeClass` names them. */
function safeChoices(): KernelChoices {
  const sizes = SIZES.flatMap((m) => SIZES.flatMap((n) => SIZES.map((k) => `${m}×${n}×${k}`)));
  const classes = LAYOUTS.flatMap((layout) => FORMS.flatMap((form) => sizes.map((size) => `${layout}${form} ${size}`)));
  return {
    attention: { [nameOfClass(attentionClassOf('FORWARD', 1, true))]: attentionVariantsOf(true)[0] },
    matmul: Object.fromEntries(classes.map((name) => [name, START])),
  };
}

/** Pins the kernels of the browser's profile: every run has the same ones from its first step on, and measures none. */
export async function pinKernels(page: Page): Promise<void> {
  const { platform, ...adapter } = await page.evaluate(async () => {
    const found = await navigator.gpu.requestAdapter({ powerPreference: 'high-performance' });
    if (found === null) throw new Error('WebGPU found no adapter.');
    const { vendor, architecture, description, device, subgroupMinSize, subgroupMaxSize } = found.info;
    const info = { vendor, architecture, description, device, subgroupMinSize, subgroupMaxSize };
    return { info, features: [...found.features], platform: navigator.userAgent };
  });
  // What facts and subgroups are read from; limits are no part of the key.
  const described = { ...adapter, features: new Set(adapter.features), limits: {} } as unknown as GPUAdapter;
  const key = tuningKey(factsOf(described), lanesOf(described), platform);
  await write(page, key, safeChoices());
}

/** @throws Error if a run has measured kernels although they are pinned: its losses cannot be compared. */
export async function requirePinned(page: Page): Promise<void> {
  const stored = await readAll(page);
  if (JSON.stringify(stored) === JSON.stringify([safeChoices()])) return;
  throw new Error(
    'A run has measured kernels: tools/storm/pinned-kernels.ts lacks a class of products, or names another device.',
  );
}

const write = (page: Page, key: string, choices: KernelChoices): Promise<void> =>
  page.evaluate(
    ({ database, store, key: device, choices: value }) =>
      new Promise<void>((resolve, reject) => {
        const opening = indexedDB.open(database);
        opening.onerror = () => reject(opening.error ?? new Error(database));
        opening.onupgradeneeded = () => opening.result.createObjectStore(store);
        opening.onsuccess = () => {
          const transaction = opening.result.transaction(store, 'readwrite');
          transaction.objectStore(store).put(value, device);
          transaction.onerror = () => reject(transaction.error ?? new Error(store));
          transaction.oncomplete = () => {
            opening.result.close();
            resolve();
          };
        };
      }),
    { database: DATABASE, store: STORE, key, choices },
  );

const readAll = (page: Page): Promise<unknown[]> =>
  page.evaluate(
    ({ database, store }) =>
      new Promise<unknown[]>((resolve, reject) => {
        const opening = indexedDB.open(database);
        opening.onerror = () => reject(opening.error ?? new Error(database));
        opening.onsuccess = () => {
          const asked = opening.result.transaction(store).objectStore(store).getAll();
          asked.onerror = () => reject(asked.error ?? new Error(store));
          asked.onsuccess = () => {
            opening.result.close();
            resolve(asked.result);
          };
        };
      }),
    { database: DATABASE, store: STORE },
  );
