import * as v from 'valibot';
import { GorpError } from '../base/errors.ts';
import { acquireGpu } from '../gpu/device.ts';
import { Run } from '../run/run.ts';
import { parseSettings } from '../run/settings.ts';
import { TaskSchema } from '../tasks/own-task.ts';
import { rawFolder, remoteReader } from '../tasks/remote.ts';
import { parseModelReference } from '../weights/model-reference.ts';
import { type ModelAccess, openModel, requireReference } from '../weights/source.ts';
import { openLastRound, RoundKeeper } from './kept-rounds.ts';
import { appRoot, openPlaces } from './places.ts';
import type { PageTasks, RoundsChoice, WorkerCommand, WorkerEvent } from './protocol.ts';
import { browserTuningStore } from './tuning-store.ts';

// The training worker: one run, told by commands, telling by events.
declare const self: DedicatedWorkerGlobalScope;
declare const __APP_VERSION__: string;
declare const __APP_COMMIT__: string;

const emit = (event: WorkerEvent): void => self.postMessage(event);
let run: Run | undefined;

self.onmessage = ({ data }: MessageEvent<WorkerCommand>) => {
  switch (data.type) {
    case 'start':
      start(data.settings, data.access, data.tasks, data.rounds);
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

function start(input: unknown, access: ModelAccess, pageTasks: PageTasks, { everyRound, goesOn }: RoundsChoice): void {
  const settings = parseSettings(input);
  const keeper = new RoundKeeper(everyRound, goesOn);
  run = new Run(
    {
      acquireGpu: () => acquireGpu(navigator.gpu),
      openModel: async (model, onProgress, signal) => {
        const reference = requireReference(parseModelReference(model), model);
        return openModel(reference, await openPlaces(access), { onProgress, signal });
      },
      taskReader: (tasks) => {
        if (tasks === 'picked') return (path) => pickedText(pageTasks.folder, path);
        return remoteReader(tasks === 'embedded' ? new URL('embedded/tasks/', appRoot) : rawFolder(tasks));
      },
      ownTask: async (name) => {
        const json: unknown = JSON.parse((await pageTasks.own.get(name)?.text()) ?? 'null');
        return json === null ? undefined : v.parse(TaskSchema, json);
      },
      ...(goesOn && { savedRound: openLastRound }),
      saveRound: (output) => keeper.keep(output),
      emit,
      now: () => performance.now(),
      code: { version: __APP_VERSION__, commit: __APP_COMMIT__ },
      tuning: { store: browserTuningStore(), platform: navigator.userAgent },
    },
    settings,
  );
  void run.execute();
}

async function pickedText(folder: PageTasks['folder'], path: string): Promise<string> {
  const file = folder.get(path);
  if (file !== undefined) return file.text();
  throw new GorpError(
    'tasks/not-found',
    `The folder that was chosen holds no ${path}.`,
    'Choose the folder with all files of the dataset, or take it out of the order.',
  );
}
