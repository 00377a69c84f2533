import type { ModelAccess, ModelPlaces } from '../weights/source.ts';
import { openBrowserStore } from '../weights/store.ts';

declare const self: DedicatedWorkerGlobalScope;
declare const __MODEL_VERSION__: string;

/** The page's folder. A built worker lies in `assets/` below it; the development server serves it from `src/`. */
export const appRoot = import.meta.env.DEV ? new URL('/', self.location.href) : new URL('../', self.location.href);

/** Where models are kept in this browser, and where the embedded one comes from. @throws GorpError `store/failed`. */
export async function openPlaces(access: ModelAccess): Promise<ModelPlaces> {
  const embedded = { url: new URL('embedded/model/', appRoot).href, version: __MODEL_VERSION__ };
  return { ...access, embedded, store: await openBrowserStore() };
}
