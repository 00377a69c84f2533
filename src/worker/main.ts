import { awakeClock, TICK_MS } from '../base/awake-clock.ts';
import { choiceOf, type DeviceChoice } from '../base/device-choice.ts';
import { reportOf } from '../base/errors.ts';
import type { DeviceOutline } from '../device/counting-device.ts';
import { chooseDevice, type DeviceHost, openDevice } from '../device/choice.ts';
import type { RunEvent } from '../run/events.ts';
import { asRefusal } from '../run/memory-plan.ts';
import { modulesOfConfig } from '../run/model-modules.ts';
import { declaredType, planRun } from '../run/plan-memory.ts';
import { workAhead } from '../run/planned-work.ts';
import { Run } from '../run/run.ts';
import { parseSettings } from '../run/settings.ts';
import type { ModelModules } from '../run/trained-modules.ts';
import { parseModelReference } from '../weights/model-reference.ts';
import { openModel, readConfig, readConfigHere, requireReference } from '../weights/source.ts';
import type { BenchCommand, BenchEvent } from './bench/messages.ts';
import { CheckpointKeeper } from './kept-checkpoints.ts';
import { openLastRound, RoundKeeper } from './kept-rounds.ts';
import { lookAtDevice } from './look.ts';
import { pageTaskHost } from './page-tasks.ts';
import { openPlaces } from './places.ts';
import { preview } from './preview.ts';
import type {
  LookAnswer,
  LookCommand,
  PlanAnswer,
  PlanCommand,
  PreviewAnswer,
  PreviewCommand,
  WorkerCommand,
} from './protocol.ts';
import { RunFolder } from './run-folders.ts';
import { browserTuningStore } from './tuning-store.ts';
import { browserWasmHost } from './wasm-host.ts';

// The training worker: one run, controlled by commands, reporting by events.
declare const self: DedicatedWorkerGlobalScope;
declare const __APP_VERSION__: string;
declare const __APP_COMMIT__: string;

const CODE = { version: __APP_VERSION__, commit: __APP_COMMIT__ };

const now = awakeClock(
  () => performance.now(),
  (read) => setInterval(read, TICK_MS),
);
const emit = (event: RunEvent): void => self.postMessage(event);
let run: Run | undefined;

type Command = WorkerCommand | PlanCommand | PreviewCommand | LookCommand | BenchCommand;

self.onmessage = ({ data }: MessageEvent<Command>) => {
  switch (data.type) {
    case 'plan':
      void plan(data);
      break;
    case 'preview':
      void preview(data).then((answer: PreviewAnswer) => self.postMessage(answer));
      break;
    case 'look':
      void lookAtDevice(data.device, deviceHost(), (answer: LookAnswer) => self.postMessage(answer));
      break;
    case 'abilities':
    case 'measure':
      void answerBench(data);
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
    case 'save':
      run?.save();
      break;
    case 'go-on-to':
      run?.goOnTo(data.milestone);
      break;
    case 'stop':
      run?.stop();
      break;
  }
};

/** Plans the memory and work of a run whose tasks have not been read. */
async function plan({ settings, device: choice, access, mayAsk, labels, config: known }: PlanCommand): Promise<void> {
  const answer = (message: PlanAnswer): void => self.postMessage(message);
  const { model, method, training } = settings;
  let modules: ModelModules | null = null;
  try {
    const read = mayAsk ? readConfig : readConfigHere;
    const config = known ?? (await read(requireReference(parseModelReference(model), model), await openPlaces(access)));
    if (config === null) {
      answer({ type: 'unknown-model' });
      return;
    }
    modules = modulesOfConfig(config);
    const device = await plannedDevice(choice);
    const work = workAhead(settings, labels);
    const storedAs = (): string => declaredType(config);
    const { memory, effort } = await planRun({ config, method, training, work, storedAs, device });
    answer({ type: 'planned', plan: memory, effort, config, modules });
  } catch (thrown) {
    answer({ type: 'unplanned', error: reportOf(asRefusal(thrown, training)), modules });
  }
}

/** Describes or measures the device. Its code is loaded only then. */
async function answerBench(command: BenchCommand): Promise<void> {
  const tell = (event: BenchEvent): void => self.postMessage(event);
  try {
    if (command.type === 'abilities') {
      const { readAbilities } = await import('./bench/abilities.ts');
      tell({ type: 'abilities', abilities: await readAbilities({ webgpu }) });
    } else {
      const { measureDevice } = await import('./bench/measure.ts');
      await measureDevice(command.device, deviceHost(), CODE, tell);
    }
  } catch (thrown) {
    tell({ type: 'failed', error: reportOf(thrown) });
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

/** The device that training would use. */
async function plannedDevice(choice: DeviceChoice): Promise<DeviceOutline> {
  const { kind, limits } = await chooseDevice(choice, webgpu);
  return { kind, limits };
}

function start(command: Extract<WorkerCommand, { type: 'start' }>): void {
  const { access, tasks: pageTasks, rounds, checkpoints, memoryBudget, gpuShare } = command;
  const { everyRound, resumes } = rounds;
  const settings = parseSettings(command.settings);
  const folder = new RunFolder(checkpoints.from !== null ? { name: checkpoints.from } : resumes ? 'shown' : null);
  const keeper = new RoundKeeper(folder, everyRound);
  const saves = new CheckpointKeeper(folder, checkpoints.everySeconds);
  run = new Run(
    {
      acquireDevice: (kind) => openDevice(choiceOf(kind, command.device), { ...deviceHost(), gpuShare }),
      openModel: async (model, onProgress, signal, inspect) => {
        const reference = requireReference(parseModelReference(model), model);
        return openModel(reference, await openPlaces(access), { onProgress, signal, inspect });
      },
      ...pageTaskHost(pageTasks),
      ...(resumes && {
        savedRound: async () => openLastRound(await folder.claimed()),
      }),
      saveRound: (output) => keeper.keep(output),
      ...(checkpoints.everySeconds > 0 && { checkpoints: saves }),
      ...(checkpoints.from !== null && { savedCheckpoint: () => saves.mustHave() }),
      memoryBudget,
      emit,
      now,
      code: CODE,
    },
    settings,
  );
  void run.execute();
}
