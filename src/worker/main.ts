import { GorpError } from '../base/errors.ts';
import { acquireGpu } from '../gpu/device.ts';
import { Run } from '../run/run.ts';
import { parseSettings } from '../run/settings.ts';
import { parseModelReference } from '../weights/model-reference.ts';
import { type ModelAccess, openModel, requireReference } from '../weights/source.ts';
import { appRoot, openPlaces } from './places.ts';
import type { WorkerCommand, WorkerEvent } from './protocol.ts';

// The training worker: one run, told by commands, telling by events.
declare const self: DedicatedWorkerGlobalScope;
declare const __APP_VERSION__: string;
declare const __APP_COMMIT__: string;

const emit = (event: WorkerEvent): void => self.postMessage(event);
let run: Run | undefined;

self.onmessage = ({ data }: MessageEvent<WorkerCommand>) => {
  switch (data.type) {
    case 'start':
      start(data.settings, data.access);
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

function start(input: unknown, access: ModelAccess): void {
  const settings = parseSettings(input);
  run = new Run(
    {
      acquireGpu: () => acquireGpu(navigator.gpu),
      openModel: async (model, onProgress, signal) => {
        const reference = requireReference(parseModelReference(model), model);
        return openModel(reference, await openPlaces(access), { onProgress, signal });
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
