import type { DeviceChoice } from '../base/device-choice.ts';
import { type ErrorReport, reportOf } from '../base/errors.ts';
import { versionText } from '../base/version.ts';
import { serve, teller } from '../base/worker-calls.ts';
import { chooseDevice, type ChosenDevice, type DeviceHost, factsAhead, openDevice } from '../device/choice.ts';
import type { DeviceFacts } from '../device/device.ts';
import { inspectModel, inspectTexts, modulesOfConfig } from '../run/models/open-network.ts';
import { textLengths } from '../run/planning/count-lengths.ts';
import type { Speed } from '../run/planning/duration.ts';
import { highestSpeed, measureSpeed, storedSpeed } from '../run/planning/measure-speed.ts';
import { asRefusal } from '../run/planning/memory-plan.ts';
import { planRun, storedTypes } from '../run/planning/plan-run.ts';
import { workAhead } from '../run/planning/planned-work.ts';
import { type RunSettings, testedTasks } from '../run/settings/settings.ts';
import type { ModelModules } from '../run/settings/trained-modules.ts';
import { firstReading } from '../run/tasks/task-data.ts';
import { benchmarkOf } from '../tasks/benchmarks.ts';
import type { ModelTexts } from '../weights/model-folder.ts';
import { isAddress, parseModelReference } from '../weights/model-reference.ts';
import {
  type ModelAccess,
  openModel,
  readOutline,
  readOutlineHere,
  readTextFiles,
  readTextFilesHere,
  requireReference,
} from '../weights/source.ts';
import { browserSpeedStore, deviceHost, openPlaces, pageTaskHost, webgpu } from './hosts.ts';
import type {
  AheadFunctions,
  DeviceOutlook,
  LengthsAnswer,
  PlanAnswer,
  PlanCommand,
  PreviewAnswer,
  PreviewCommand,
  SingleThreadReason,
} from './protocol.ts';

/** The first example that the model would read in a run with these settings. */
async function preview(command: PreviewCommand): Promise<PreviewAnswer> {
  const { settings, tasks } = command;
  try {
    if (readsElsewhere(command, settings.order.slice(0, 1))) return { type: 'elsewhere' };
    const texts = await textsToRead(command);
    if (texts === null) return { type: 'elsewhere' };
    return { type: 'preview', preview: await firstReading(pageTaskHost(tasks), settings, texts) };
  } catch (thrown) {
    return { type: 'no-preview', error: reportOf(thrown) };
  }
}

/** Whether a task is on another server that may not be asked. @param names of the tasks to read; all by default. */
const readsElsewhere = (
  { settings, mayAsk }: { settings: RunSettings; mayAsk: boolean },
  names: readonly string[] = testedTasks(settings),
): boolean => !mayAsk && isAddress(settings.tasks) && names.some((name) => benchmarkOf(name) !== undefined);

/** The small files of the model; null if they are on another server that may not be asked. */
async function textsToRead({ settings: { model }, access, mayAsk }: PreviewCommand): Promise<ModelTexts | null> {
  const read = mayAsk ? readTextFiles : readTextFilesHere;
  return read(requireReference(parseModelReference(model), model), await openPlaces(access));
}

/** Plans the memory and work of a run whose tasks have not been read. */
async function plan(command: PlanCommand): Promise<PlanAnswer> {
  const { settings, device: choice, access, mayAsk, labels, taught, outline: known } = command;
  const { model, method, training } = settings;
  let modules: ModelModules | null = null;
  try {
    const read = mayAsk ? readOutline : readOutlineHere;
    const outline =
      known ?? (await read(requireReference(parseModelReference(model), model), await openPlaces(access)));
    if (outline === null) return { type: 'unknown-model' };
    const { config } = outline;
    modules = modulesOfConfig(config);
    const { kind, limits } = await chooseDevice(choice, webgpu);
    const ahead = workAhead(settings, labels);
    const work = { ...ahead, tasks: ahead.tasks + taught };
    const storedAs = storedTypes(outline);
    const { memory, effort } = await planRun({ config, method, training, work, storedAs, device: { kind, limits } });
    return { type: 'planned', plan: memory, effort, outline, modules };
  } catch (thrown) {
    return { type: 'unplanned', error: reportOf(asRefusal(thrown, training)), modules };
  }
}

/** The lengths of the texts that a run with these settings would read. */
async function lengths(command: PreviewCommand): Promise<LengthsAnswer> {
  const { settings, tasks } = command;
  try {
    if (readsElsewhere(command)) return { type: 'elsewhere' };
    const texts = await textsToRead(command);
    if (texts === null) return { type: 'elsewhere' };
    return { type: 'counted', lengths: await textLengths(pageTaskHost(tasks), settings, texts) };
  } catch (thrown) {
    return { type: 'not-counted', error: reportOf(thrown) };
  }
}

/** Why the files of a model cannot be used; null if they can. Reads only the headers of its weights. */
async function checkModel({ model, access }: { model: string; access: ModelAccess }): Promise<ErrorReport | null> {
  try {
    const reference = requireReference(parseModelReference(model), model);
    await inspectModel(await openModel(reference, await openPlaces(access), { inspect: inspectTexts }));
    return null;
  } catch (thrown) {
    return reportOf(thrown);
  }
}

/**
 * Reports the device that a run would use, and returns its speed. Opens a graphics card only to measure it, once. Always
 * starts the CPU's threads, since only that shows how many there are, and measures the CPU again, since other programs may
 * have kept it busy before.
 */
async function lookAtDevice(
  choice: DeviceChoice,
  host: DeviceHost,
  tell: (outlook: DeviceOutlook) => void,
): Promise<Speed> {
  const speeds = browserSpeedStore();
  const chosen = await chooseDevice(choice, () => host.webgpu());
  const ahead = factsAhead(chosen);
  if (ahead !== undefined) {
    const outlook = outlookOf(chosen, ahead);
    tell(outlook);
    const speed = await storedSpeed(speeds, outlook.name);
    if (speed !== undefined) return speed;
  }
  const { device } = await openDevice(choice, host);
  try {
    const outlook = outlookOf(chosen, device.facts);
    if (ahead === undefined) tell(outlook);
    return await highestSpeed(speeds, outlook.name, () => measureSpeed(device, () => performance.now()));
  } finally {
    await device.destroy();
  }
}

function outlookOf({ kind, why, limits }: ChosenDevice, facts: DeviceFacts): DeviceOutlook {
  const threads = kind === 'wasm' ? (facts.limits['threads'] ?? 1) : null;
  return {
    kind,
    why,
    name: facts.description || [facts.vendor, facts.architecture].filter(Boolean).join(' ') || 'unnamed',
    isSoftwareAdapter: kind === 'webgpu' && facts.software,
    threads,
    singleThread: threads === 1 ? whyOneThread() : null,
    bufferBytes: limits.buffer,
  };
}

function whyOneThread(): SingleThreadReason {
  if (!crossOriginIsolated) return 'not-isolated';
  return navigator.hardwareConcurrency === 1 ? 'one-core' : 'no-worker';
}

// The worker that answers what can be known before a run: its memory and work, its texts, the device.
declare const self: DedicatedWorkerGlobalScope;

const functions: AheadFunctions = {
  plan,
  preview,
  lengths,
  check: checkModel,
  look: (choice) => lookAtDevice(choice, deviceHost(), teller<DeviceOutlook>(self)),
};
serve(self, versionText(), functions);
