import type { EmbeddedModel } from '../weights/embedded-models.ts';
import type { ModelAccess, ModelPlaces } from '../weights/source.ts';
import { openBrowserStore } from '../weights/store.ts';

declare const self: DedicatedWorkerGlobalScope;
declare const __MODEL_VERSIONS__: Readonly<Record<EmbeddedModel['folder'], string>>;

/** The page's folder. A built worker lies in `assets/` below it; the development server serves it from `src/`. */
export const appRoot = import.meta.env.DEV ? new URL('/', self.location.href) : new URL('../', self.location.href);

/** Where this browser stores models, and where the embedded ones come from. @throws GorpError `store/failed`. */
export async function openPlaces(access: ModelAccess): Promise<ModelPlaces> {
  const place = (folder: EmbeddedModel['folder']): { url: string; version: string } => ({
    url: new URL(`embedded/${folder}/`, appRoot).href,
    version: __MODEL_VERSIONS__[folder],
  });
  const embedded = { model: place('model'), llama: place('llama') };
  return { ...access, embedded, store: await openBrowserStore() };
}
