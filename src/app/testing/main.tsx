/**
 * The page with a script in place of the worker, served by `vite` at `/src/app/testing/`. Query parameters: `scene`
 * (idle, running, slowed, finished, failed, interrupted, quick, many, large, compared, queued, too-large, or one of
 * `DEVICE_SCENES`), `method`, `tab`, `theme`, `ahead` (share of the events already received), `run` (starts the run in
 * a device scene), `model` (fills the model field), `bench` (measures the device: done, measuring, lost, failed). With `tab=models` a download is under way (`scene=running`) or has
 * failed (`scene=failed`).
 */
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { METHOD_NAMES } from '../../methods/registry.ts';
import type { RunEvent } from '../../run/events.ts';
import { embeddedSettings } from '../../run/presets.ts';
import type { DeviceReport } from '../../run/results.ts';
import type { RunSettings } from '../../run/settings.ts';
import { App } from '../App.tsx';
import '../base.css';
import { USUAL } from '../device/preferences.ts';
import { browserAddress } from '../handover/handover.ts';
import { runKey } from '../history.ts';
import { createPage } from '../page.ts';
import { PageProvider } from '../page-context.tsx';
import { PUBLISHED_ORDERS } from '../../tasks/orders.ts';
import { createKeptRounds } from '../results/kept-rounds.ts';
import { KeptRoundsProvider } from '../results/kept-rounds-context.tsx';
import type { Tab } from '../tabs.ts';
import { applyTheme, type Theme } from '../theme.ts';
import { largeResults } from './large-results.ts';
import { memoryHistory } from './memory-history.ts';
import { createTableClient } from '../tasks/table-client.ts';
import { tablesHere } from './tables-here.ts';
import { settingsOfQueue } from '../queue/expand.ts';
import { memoryQueue } from './memory-queue.ts';
import { memoryTasks } from './memory-tasks.ts';
import { CPU_DEVICE, GPU_DEVICE, scriptedRun, SOFTWARE_DEVICE } from './script.ts';
import { DEVICE_SCENES, scriptedDevice } from './scripted-device.ts';
import { resultsOfScript } from './scripted-results.ts';
import { scriptedPlan } from './scripted-plan.ts';
import { scriptedPreview } from './scripted-preview.ts';
import { scriptedBench } from './scripted-bench.ts';
import { scriptedModels } from './scripted-models.ts';
import { scriptedCheckpoints } from './scripted-checkpoints.ts';
import { scriptedExports } from './scripted-exports.ts';
import { scriptedSession } from './scripted-session.ts';

const asked = new URLSearchParams(location.search);
const scene = asked.get('scene') ?? 'idle';
const pick = <Value extends string>(key: string, values: readonly Value[], otherwise: Value): Value =>
  values.find((value) => value === asked.get(key)) ?? otherwise;

const method = pick('method', METHOD_NAMES, 'gorp-plus');
const theme = pick<Theme>('theme', ['light', 'dark'], 'system');
const ahead =
  scene === 'finished' || scene === 'many'
    ? 1
    : Number(asked.get('ahead') ?? (scene === 'idle' || scene === 'interrupted' ? 0 : 0.62));

function deviceOfRun(): DeviceReport {
  if (scene === 'software') return SOFTWARE_DEVICE;
  return DEVICE_SCENES.includes(scene) ? CPU_DEVICE : GPU_DEVICE;
}

function script(settings: RunSettings): RunEvent[] {
  const startedAt = new Date().toISOString();
  const events = scriptedRun(settings, { device: deviceOfRun(), startedAt });
  if (scene !== 'failed') return events;
  const kept = events.slice(0, Math.floor(events.length * 0.62));
  const error = {
    code: 'device/lost' as const,
    message: 'The GPU device was lost: the driver was reset (reason: unknown).',
    nextStep: 'Start again. If it happens again, close other tabs that use the GPU or choose a smaller batch.',
  };
  return [...kept, { type: 'failed', error, results: null }];
}

const earlier = (['seq-lora', 'gorp', 'o-lora'] as const).flatMap((name, i) => {
  const settings = embeddedSettings('full', name);
  return (scene === 'compared' ? [1, 2, 3] : [1]).map((seed) =>
    resultsOfScript(
      { ...settings, training: { ...settings.training, seed } },
      `2026-11-2${3 - i}T1${i}:2${seed}:00.000Z`,
    ),
  );
});
if (scene === 'large') earlier.push(largeResults());

applyTheme(theme);
const page = createPage({
  openSession: scriptedSession({ script, ahead: scene === 'failed' ? 1 : ahead, pace: 250 }),
  history: memoryHistory(earlier),
  tasks: memoryTasks(),
  tableClient: createTableClient(tablesHere()),
  theme,
  models: { openModels: scriptedModels(scene), storage: undefined },
  askForPreview: scriptedPreview,
  memory: { ask: scriptedPlan, budget: scene === 'too-large' ? 1 : null, keep: () => undefined },
  device: { ask: scriptedDevice(scene), preferences: USUAL, keep: () => undefined },
  bench: scriptedBench(asked.get('bench') ?? 'done'),
  pace: { factor: () => null, note: () => undefined },
  checkpoints: scriptedCheckpoints(scene),
  queue: memoryQueue(),
  address: browserAddress,
});
const kept = createKeptRounds(
  scriptedExports,
  () => Promise.resolve(null),
  () => undefined,
);
await page.load();
page.chooseMethod(method);
if (scene === 'quick') page.choosePreset('quick');
if (scene === 'many')
  page.edit((draft) => ({
    ...draft,
    tasks: 'https://example.org/tasks/',
    order: PUBLISHED_ORDERS[3].rounds.map(({ dataset }) => dataset),
  }));
if (scene === 'large') await page.openRun('2026-11-20T09:00:00.000Z');
else if (scene === 'compared') await page.compare.tickOnly(earlier.map(runKey));
else if (
  scene !== 'idle' &&
  scene !== 'interrupted' &&
  scene !== 'queued' &&
  asked.get('tab') !== 'models' &&
  (!DEVICE_SCENES.includes(scene) || asked.has('run'))
)
  page.start();
if (asked.get('tab') === 'models') {
  await page.models.refresh();
  if (scene === 'running' || scene === 'failed') page.models.fetch('google-t5/t5-large');
}
if (scene === 'queued') {
  const settings = page.store.getState().draft;
  page.queue.add(settingsOfQueue(settings, ['gorp-plus', 'gorp', 'seq-lora'], [settings.order], [1, 2]));
  page.queue.start();
}
if (scene === 'slowed') page.store.setState({ slowdown: 3.4 });
const model = asked.get('model');
if (model !== null) page.edit((draft) => ({ ...draft, model }));
page.look({ tab: pick<Tab>('tab', ['run', 'ranks', 'try', 'results', 'compare', 'queue', 'models', 'device'], 'run') });
if (asked.has('bench')) page.bench.measure();

const root = document.getElementById('root');
if (root === null) throw new Error('index.html has no element #root.');
createRoot(root).render(
  <StrictMode>
    <PageProvider value={page}>
      <KeptRoundsProvider value={kept}>
        <App />
      </KeptRoundsProvider>
    </PageProvider>
  </StrictMode>,
);
