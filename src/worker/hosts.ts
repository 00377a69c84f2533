import { createStore, get, set } from 'idb-keyval';
import * as v from 'valibot';
import { awakeClock, TICK_MS } from '../base/awake-clock.ts';
import { GorpError } from '../base/errors.ts';
import type { DeviceHost } from '../device/choice.ts';
import type { TuningStore } from '../device/webgpu/tune.ts';
import type { SpeedStore } from '../run/planning/measure-speed.ts';
import type { TaskHost } from '../run/tasks/task-data.ts';
import { TaskSchema } from '../tasks/custom-task.ts';
import { rawFolder, remoteReader } from '../tasks/remote.ts';
import type { EmbeddedModel } from '../weights/embedded-models.ts';
import type { ModelAccess, ModelPlaces } from '../weights/source.ts';
import { openBrowserStore } from '../weights/store.ts';
import type { PageTasks } from './protocol.ts';
import { browserWasmHost } from './wasm-host.ts';

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

/** Where a worker reads tasks: from the page, the app's own folder, or the address in the settings. */
export const pageTaskHost = ({ folder, custom }: PageTasks): TaskHost => ({
  taskReader: (tasks, signal) => {
    if (tasks === 'picked') return (path) => pickedText(folder, path);
    return remoteReader(tasks === 'embedded' ? new URL('embedded/tasks/', appRoot) : rawFolder(tasks), signal);
  },
  customTask: async (name) => {
    const json: unknown = JSON.parse((await custom.get(name)?.text()) ?? 'null');
    return json === null ? undefined : v.parse(TaskSchema, json);
  },
});

async function pickedText(folder: PageTasks['folder'], path: string): Promise<string> {
  const file = folder.get(path);
  if (file !== undefined) return file.text();
  throw new GorpError(
    'tasks/not-found',
    `The chosen folder has no ${path}.`,
    'Choose the folder with all files of the dataset, or remove it from the order.',
  );
}

/** Speeds of devices in IndexedDB. A browser that stores nothing (as in some private windows) measures again. */
export function browserSpeedStore(): SpeedStore {
  const store = createStore('gorp-web-speeds', 'values');
  return {
    read: (device) => get<unknown>(device, store).catch(() => undefined),
    write: (device, speed) => set(device, speed, store).catch(() => undefined),
  };
}

/** Kernel choices in IndexedDB. A browser that stores nothing (as in some private windows) measures at every start. */
function browserTuningStore(): TuningStore {
  const store = createStore('gorp-web-tuning', 'values');
  return {
    read: (device) => get<unknown>(device, store).catch(() => undefined),
    write: (device, choices) => set(device, choices, store).catch(() => undefined),
  };
}

/** Milliseconds in which the machine did not sleep. */
export const now = awakeClock(
  () => performance.now(),
  (read) => setInterval(read, TICK_MS),
);

/** `navigator.gpu`, which browsers without WebGPU lack. */
export const webgpu = (): Promise<GPU | undefined> => Promise.resolve((navigator as Partial<Navigator>).gpu);

/** Returns the host of a device in a worker. */
export const deviceHost = (): DeviceHost => ({
  webgpu,
  tuning: {
    store: browserTuningStore(),
    platform: navigator.userAgent,
    now,
    warn: (text) => console.warn(text),
  },
  wasm: browserWasmHost(),
});
