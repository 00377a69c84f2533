import * as v from 'valibot';
import type { DeviceChoice } from '../base/device-choice.ts';
import { GorpError, reportOf } from '../base/errors.ts';
import type { DeviceOutline } from '../device/counting-device.ts';
import { chooseDevice, type DeviceHost, openDevice } from '../device/choice.ts';
import type { RunEvent } from '../run/events.ts';
import { asRefusal } from '../run/memory-plan.ts';
import { declaredType, planRun } from '../run/plan-memory.ts';
import { workAhead } from '../run/planned-work.ts';
import { Run } from '../run/run.ts';
import { parseSettings } from '../run/settings.ts';
import { TaskSchema } from '../tasks/custom-task.ts';
import { rawFolder, remoteReader } from '../tasks/remote.ts';
import { parseModelReference } from '../weights/model-reference.ts';
import { openModel, readConfig, readConfigHere, requireReference } from '../weights/source.ts';
import { openLastRound, RoundKeeper } from './kept-rounds.ts';
import { lookAtDevice } from './look.ts';
import { appRoot, openPlaces } from './places.ts';
import type { LookAnswer, LookCommand, PageTasks, PlanAnswer, PlanCommand, WorkerCommand } from './protocol.ts';
import { browserTuningStore } from './tuning-store.ts';
import { browserWasmHost } from './wasm-host.ts';

// The training worker: one run, told by commands, telling by events.
declare const self: DedicatedWorkerGlobalScope;
declare const __APP_VERSION__: string;
declare const __APP_COMMIT__: string;

const now = (): number => performance.now();
const emit = (event: RunEvent): void => self.postMessage(event);
let run: Run | undefined;

self.onmessage = ({ data }: MessageEvent<WorkerCommand | PlanCommand | LookCommand>) => {
  switch (data.type) {
    case 'plan':
      void plan(data);
      break;
    case 'look':
      void lookAtDevice(data.device, deviceHost(), (answer: LookAnswer) => self.postMessage(answer));
      break;
    case 'start':
      start(data);
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

/** Plans memory and work of a run whose tasks have not been read. */
async function plan({ settings, device: choice, access, mayAsk, labels, config: known }: PlanCommand): Promise<void> {
  const answer = (message: PlanAnswer): void => self.postMessage(message);
  const { model, method, training } = settings;
  try {
    const read = mayAsk ? readConfig : readConfigHere;
    const config = known ?? (await read(requireReference(parseModelReference(model), model), await openPlaces(access)));
    if (config === null) {
      answer({ type: 'unknown-model' });
      return;
    }
    const device = await plannedDevice(choice);
    const work = workAhead(settings, labels);
    const storedAs = (): string => declaredType(config);
    const { memory, effort } = await planRun({ config, method, training, work, storedAs, device });
    answer({ type: 'planned', plan: memory, effort, config });
  } catch (thrown) {
    answer({ type: 'unplanned', error: reportOf(asRefusal(thrown, training)) });
  }
}

const warn = (text: string): void => console.warn(text);

/** `navigator.gpu`, which browsers without WebGPU lack. */
const webgpu = (): Promise<GPU | undefined> => Promise.resolve((navigator as Partial<Navigator>).gpu);

const deviceHost = (): DeviceHost => ({
  webgpu,
  tuning: { store: browserTuningStore(), platform: navigator.userAgent, now, warn },
  wasm: browserWasmHost(),
});

/** What training would compute on. */
async function plannedDevice(choice: DeviceChoice): Promise<DeviceOutline> {
  const { kind, limits } = await chooseDevice(choice, webgpu);
  return { kind, limits };
}

function start(command: Extract<WorkerCommand, { type: 'start' }>): void {
  const { access, tasks: pageTasks, rounds, memoryBudget, gpuShare } = command;
  const { everyRound, resumes } = rounds;
  const settings = parseSettings(command.settings);
  const keeper = new RoundKeeper(everyRound, resumes);
  run = new Run(
    {
      acquireDevice: () => openDevice(command.device, { ...deviceHost(), gpuShare }),
      openModel: async (model, onProgress, signal, inspect) => {
        const reference = requireReference(parseModelReference(model), model);
        return openModel(reference, await openPlaces(access), { onProgress, signal, inspect });
      },
      taskReader: (tasks) => {
        if (tasks === 'picked') return (path) => pickedText(pageTasks.folder, path);
        return remoteReader(tasks === 'embedded' ? new URL('embedded/tasks/', appRoot) : rawFolder(tasks));
      },
      customTask: async (name) => {
        const json: unknown = JSON.parse((await pageTasks.custom.get(name)?.text()) ?? 'null');
        return json === null ? undefined : v.parse(TaskSchema, json);
      },
      ...(resumes && { savedRound: openLastRound }),
      saveRound: (output) => keeper.keep(output),
      memoryBudget,
      emit,
      now,
      code: { version: __APP_VERSION__, commit: __APP_COMMIT__ },
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
