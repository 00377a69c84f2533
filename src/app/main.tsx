import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { awakeClock, TICK_MS } from '../base/awake-clock.ts';
import { App } from './App.tsx';
import { keepAwake } from './awake/wake-lock.ts';
import { watchSlowdown } from './awake/watch-slowdown.ts';
import './base.css';
import { askBenchWorker } from './bench/bench-worker.ts';
import { askCheckpointsWorker } from './checkpoints/ask.ts';
import { saveWhenHidden } from './checkpoints/save-when-hidden.ts';
import { askLookWorker } from './device/look-worker.ts';
import { savePreferences, storedPreferences } from './device/preferences.ts';
import { askModelCheckWorker } from './drop/model-check-worker.ts';
import { framedNotice } from './framed.ts';
import { browserPace } from './estimate/pace.ts';
import { browserAddress } from './handover/handover.ts';
import { browserHistory } from './history.ts';
import { browserLeftOff } from './left-off.ts';
import { askLengthsWorker } from './lengths/lengths-worker.ts';
import { saveBudget, storedBudget } from './memory/budget.ts';
import { askPlanWorker } from './memory/plan-worker.ts';
import { openModelsWorker } from './models/models-session.ts';
import { createPage } from './page.ts';
import { askPreviewWorker } from './preview/preview-worker.ts';
import { download } from './download.ts';
import { PageProvider } from './page-context.tsx';
import { browserQueue } from './queue/queue-place.ts';
import { askWhereToSave, createStoredRounds, openExportsWorker } from './results/saved-rounds.ts';
import { StoredRoundsProvider } from './results/saved-rounds-context.tsx';
import { openWorkerSession } from './session.ts';
import { createTableClient, openTablesWorker } from './tasks/table-client.ts';
import { browserTasks } from './tasks/task-store.ts';
import { applyTheme, storedTheme } from './theme.ts';
import { watched } from './watched-session.ts';

const root = document.getElementById('root');
if (root === null) throw new Error('index.html has no element #root.');

const theme = storedTheme();
applyTheme(theme);

if (window.self === window.top) start(root);
else root.replaceChildren(framedNotice(document));

/** Opens the workbench. */
function start(at: HTMLElement): void {
  const now = awakeClock(
    () => performance.now(),
    (read) => setInterval(read, TICK_MS),
  );
  const page = createPage({
    openSession: watched(openWorkerSession),
    history: browserHistory(),
    tasks: browserTasks(),
    tableClient: createTableClient(openTablesWorker()),
    theme,
    models: { openModels: openModelsWorker, storage: navigator.storage },
    askForPreview: askPreviewWorker,
    askForLengths: askLengthsWorker,
    checkModel: askModelCheckWorker,
    openRounds: async (picked, access) => (await import('./try/shared-desk.ts')).tryDesk.open(access, null, picked),
    memory: { ask: askPlanWorker, budget: storedBudget(), keep: saveBudget },
    device: { ask: askLookWorker, preferences: storedPreferences(), keep: savePreferences },
    bench: askBenchWorker,
    pace: browserPace(),
    checkpoints: askCheckpointsWorker,
    queue: browserQueue(),
    address: browserAddress,
    leftOff: browserLeftOff,
  });
  const stored = createStoredRounds(openExportsWorker, askWhereToSave, download);
  // Despite its type, the property is missing in browsers without wake locks.
  keepAwake(page.store, 'wakeLock' in navigator ? navigator.wakeLock : undefined, document);
  watchSlowdown(page.store, document, now);
  saveWhenHidden(page, document);
  void page.load();
  // A set-up link may be opened in a tab that already shows the page.
  window.addEventListener('hashchange', page.handOver.readAddress);

  createRoot(at).render(
    <StrictMode>
      <PageProvider value={page}>
        <StoredRoundsProvider value={stored}>
          <App />
        </StoredRoundsProvider>
      </PageProvider>
    </StrictMode>,
  );
}
