import { choiceOf } from '../base/device-choice.ts';
import { code, versionText } from '../base/version.ts';
import { type FunctionsFor, serve, teller } from '../base/worker-calls.ts';
import { openDevice } from '../device/choice.ts';
import type { RunEvent } from '../run/events/events.ts';
import { Run } from '../run/run.ts';
import { parseSettings } from '../run/settings/settings.ts';
import { parseModelReference } from '../weights/model-reference.ts';
import { openModel, requireReference } from '../weights/source.ts';
import { deviceHost, now, openPlaces, pageTaskHost } from './hosts.ts';
import type { WorkerCommand } from './protocol.ts';
import { RunFolder } from './run-folders.ts';
import { CheckpointSaver } from './saved-checkpoints.ts';
import { ModelSaver, openToTeach } from './taught-models.ts';

// The training worker: one run, controlled by commands, reporting by events.
declare const self: DedicatedWorkerGlobalScope;

let run: Run | undefined;

const functions: FunctionsFor<WorkerCommand> = {
  start,
  pause: () => run?.pause(),
  resume: () => run?.resume(),
  save: () => run?.save(),
  'go-on-to': ({ milestone }) => run?.continueTo(milestone),
  label: ({ label }) => run?.label(label),
  stop: () => run?.stop(),
  'stop-and-keep': () => run?.stopAndKeep(),
};
serve(self, versionText(), functions);

function start(command: Extract<WorkerCommand, { type: 'start' }>): Promise<void> {
  const { access, tasks: pageTasks, teaches, checkpoints, memoryBudget, gpuShare } = command;
  const { from, everyTask, keepsTests } = teaches;
  const settings = parseSettings(command.settings);
  const folder = new RunFolder(checkpoints.from);
  const models = new ModelSaver(folder, everyTask, from);
  const emit = teller<RunEvent>(self);
  const checkpointSaver = new CheckpointSaver(folder, checkpoints.everySeconds, (message) =>
    emit({ type: 'warning', message }),
  );
  run = new Run(
    {
      acquireDevice: (kind) => openDevice(choiceOf(kind, command.device), { ...deviceHost(), gpuShare }),
      openModel: async (model, onProgress, signal, inspect) => {
        const reference = requireReference(parseModelReference(model), model);
        return openModel(reference, await openPlaces(access), { onProgress, signal, inspect });
      },
      ...pageTaskHost(pageTasks),
      ...(from !== null && { savedRound: () => openToTeach(from) }),
      keepsTests,
      saveRound: (output) => models.save(output),
      waitsForRoom: true,
      ...(checkpoints.everySeconds > 0 && { checkpoints: checkpointSaver }),
      ...(checkpoints.from !== null && { savedCheckpoint: () => checkpointSaver.mustHave() }),
      memoryBudget,
      emit,
      now,
      code: code(),
    },
    settings,
  );
  return run.execute();
}
