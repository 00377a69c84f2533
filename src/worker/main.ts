import { GorpError } from '../base/errors.ts';
import { acquireGpu } from '../gpu/device.ts';
import { Run } from '../run/run.ts';
import { parseSettings } from '../run/settings.ts';
import { openModel } from '../weights/source.ts';
import { openBrowserStore } from '../weights/store.ts';
import type { WorkerCommand, WorkerEvent } from './protocol.ts';

// The training worker: one run, told by commands, telling by events.
declare const self: DedicatedWorkerGlobalScope;
declare const __APP_VERSION__: string;
declare const __APP_COMMIT__: string;
declare const __MODEL_VERSION__: string;

// The built worker lies in `assets/`, one folder below the page; the development server serves it from `src/`.
const appRoot = import.meta.env.DEV ? new URL('/', self.location.href) : new URL('../', self.location.href);
const emit = (event: WorkerEvent): void => self.postMessage(event);
let run: Run | undefined;

self.onmessage = ({ data }: MessageEvent<WorkerCommand>) => {
  switch (data.type) {
    case 'start':
      start(data.settings);
      break;
    case 'pause':
      run?.pause();
      break;
    case 'resume':
      run?.resume();
      break;
    case 'stop':
      run?.stop();
      break;
  }
};

function start(input: unknown): void {
  const settings = parseSettings(input);
  run = new Run(
    {
      acquireGpu: () => acquireGpu(navigator.gpu),
      openModel: async (model, onProgress) => {
        const isEmbedded = model === 'embedded';
        const url = isEmbedded ? new URL('embedded/model/', appRoot).href : model;
        const version = isEmbedded ? __MODEL_VERSION__ : undefined;
        return openModel(url, await openBrowserStore(), { onProgress, version });
      },
      taskReader: (tasks) => {
        const root = tasks === 'embedded' ? new URL('embedded/tasks/', appRoot) : new URL(withSlash(tasks));
        return (path) => fetchText(new URL(path, root));
      },
      emit,
      now: () => performance.now(),
      code: { version: __APP_VERSION__, commit: __APP_COMMIT__ },
    },
    settings,
  );
  void run.execute();
}

const withSlash = (url: string): string => (url.endsWith('/') ? url : `${url}/`);

async function fetchText(url: URL): Promise<string> {
  const response = await fetch(url);
  if (response.ok && !response.headers.get('content-type')?.includes('html')) return response.text();
  throw new GorpError(
    'tasks/not-found',
    `${url.href} answered ${response.status} ${response.statusText}.`,
    'Check the address of the task folder.',
  );
}
