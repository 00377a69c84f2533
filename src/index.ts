/// <reference types="@webgpu/types" preserve="true" />
// The library: the core of the page and the command line. `gorp-web/node` adds what needs Node.

export { type ErrorCode, type ErrorReport, GorpError, reportOf } from './base/errors.ts';
export type { Device } from './device/device.ts';
export { openDevice } from './device/choice.ts';

// Runs
export { Run } from './run/run.ts';
export type { RoundOutput, RunHost } from './run/events/host.ts';
export type { Phase, RunEvent } from './run/events/events.ts';
export { parseSettings, type RunSettings, RunSettingsSchema, type TrainingSettings } from './run/settings/settings.ts';
export {
  type Measures,
  type Results,
  ResultsSchema,
  type TaskReport,
  type TensorSpace,
} from './run/results/results.ts';
export { measuresOf } from './run/results/measures.ts';
export { embeddedSettings, type PresetName, publishedSettings } from './run/planning/presets.ts';
export { startingMethod } from './run/settings/starting-values.ts';
export { type OrderFile, parseOrderFile } from './run/settings/order-file.ts';
export type { OpenFile, SavedRun } from './run/files/saved-run.ts';
export { openSavedRound, type SavedRound } from './run/files/saved-round.ts';

// Methods
export {
  METHOD_NAMES,
  type MethodName,
  methodPreset,
  METHODS,
  type MethodSettings,
  methodSummary,
} from './methods/registry.ts';

// Plugins
export { addPlugin, type MakePlugin, type Plugin, PLUGIN_INTERFACE, type PluginTools } from './run/plugin.ts';
export type { Probe, ProbedModel } from './run/probes/own-probe.ts';
export type { OwnPartOf } from './gorp/learner/open-parts.ts';
export type { Part } from './gorp/part/part.ts';
export type { TableFormat } from './tasks/records.ts';

// Tasks and text
export { loadTask, type ReadText } from './tasks/benchmark.ts';
export { BENCHMARK_KINDS, EMBEDDED_ORDER, PUBLISHED_ORDERS, publishedOrder } from './tasks/orders.ts';
export { promptOf } from './tasks/prompt.ts';
export type { Example, Task } from './tasks/task.ts';
export { averageScores, type Score, scoreOf } from './text/scores.ts';
export { loadTokenizer, type Tokenizer } from './text/tokenizer.ts';

// Weights
export { type ByteFile, type ModelTensors, openTensors } from './weights/model-files.ts';
export { type ModelFiles, type ModelFolder, openModelFolder } from './weights/model-folder.ts';
export { type ModelReference, parseModelReference } from './weights/model-reference.ts';
export { HUB } from './weights/hub.ts';
export { openModel } from './weights/source.ts';
export { openBrowserStore, openMemoryStore, openStore, type WeightStore } from './weights/store.ts';
export {
  type LoadedTensor,
  parseHeader,
  readSafetensors,
  type TensorInfo,
  type TensorSource,
  writeSafetensors,
} from './weights/safetensors.ts';
export { mergedModelFiles } from './weights/exports/merge.ts';
export type { OutputFile } from './weights/exports/output-file.ts';
export { zipped } from './weights/exports/zip.ts';
