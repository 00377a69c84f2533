/**
 * The page with a script in place of the worker, served by `vite` at `/src/app/testing/`. The address says what to show:
 * `scene` (idle, running, slowed, finished, failed, quick, many, too-large, or one of `DEVICE_SCENES`), `method`, `tab`, `theme`,
 * `ahead` (share of the events that has come), `run` (starts in a scene of a device). `model` fills the model field. With `tab=models` a download is under way (`scene=running`), or has failed
 * (`scene=failed`).
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
import { createPage } from '../page.ts';
import { PageProvider } from '../page-context.tsx';
import { PUBLISHED_ORDERS } from '../../tasks/orders.ts';
import { createKeptRounds } from '../results/kept-rounds.ts';
import { KeptRoundsProvider } from '../results/kept-rounds-context.tsx';
import type { Tab } from '../store.ts';
import { applyTheme, type Theme } from '../theme.ts';
import { memoryHistory } from './memory-history.ts';
import { createTableClient } from '../tasks/table-client.ts';
import { tablesHere } from './tables-here.ts';
import { memoryTasks } from './memory-tasks.ts';
import { CPU_DEVICE, GPU_DEVICE, scriptedRun, SOFTWARE_DEVICE } from './script.ts';
import { DEVICE_SCENES, scriptedDevice } from './scripted-device.ts';
import { scriptedPlan } from './scripted-plan.ts';
import { scriptedModels } from './scripted-models.ts';
import { scriptedExports } from './scripted-exports.ts';
import { scriptedSession } from './scripted-session.ts';

const asked = new URLSearchParams(location.search);
const scene = asked.get('scene') ?? 'idle';
const pick = <Value extends string>(key: string, values: readonly Value[], otherwise: Value): Value =>
  values.find((value) => value === asked.get(key)) ?? otherwise;

const method = pick('method', METHOD_NAMES, 'gorp-plus');
const theme = pick<Theme>('theme', ['light', 'dark'], 'system');
const ahead =
  scene === 'finished' || scene === 'many' ? 1 : Number(asked.get('ahead') ?? (scene === 'idle' ? 0 : 0.62));

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
  const startedAt = `2026-11-2${3 - i}T1${i}:2${i}:00.000Z`;
  const last = scriptedRun(embeddedSettings('full', name), { startedAt }).at(-1);
  return last?.type === 'finished' ? [last.results] : [];
});

applyTheme(theme);
const page = createPage({
  openSession: scriptedSession({ script, ahead: scene === 'failed' ? 1 : ahead, pace: 250 }),
  history: memoryHistory(earlier),
  tasks: memoryTasks(),
  tableClient: createTableClient(tablesHere()),
  theme,
  models: { openModels: scriptedModels(scene), storage: undefined },
  memory: { ask: scriptedPlan, budget: scene === 'too-large' ? 1 : null, keep: () => undefined },
  device: { ask: scriptedDevice(scene), preferences: USUAL, keep: () => undefined },
  pace: { factor: () => null, note: () => undefined },
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
if (scene !== 'idle' && asked.get('tab') !== 'models' && (!DEVICE_SCENES.includes(scene) || asked.has('run')))
  page.start();
if (asked.get('tab') === 'models') {
  await page.models.refresh();
  if (scene === 'running' || scene === 'failed') page.models.fetch('google-t5/t5-large');
}
if (scene === 'slowed') page.store.setState({ slowdown: 3.4 });
const model = asked.get('model');
if (model !== null) page.edit((draft) => ({ ...draft, model }));
page.look({ tab: pick<Tab>('tab', ['run', 'ranks', 'results', 'models'], 'run') });

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
