import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { awakeClock, TICK_MS } from '../base/awake-clock.ts';
import { App } from './App.tsx';
import { keepAwake, saveWhenHidden, watchSlowdown } from './state/awake.ts';
import { askBenchWorker, askDeviceWorker } from './state/device.ts';
import { askModelCheckWorker } from './state/dropped-files.ts';
import { browserTimeCorrections } from './state/estimate.ts';
import { browserHistory } from './state/history.ts';
import { browserLastVisit } from './state/last-visit.ts';
import { askPlanWorker } from './state/memory-plan.ts';
import { openModelsWorker } from './state/models.ts';
import { PageProvider } from './state/page-context.tsx';
import { createPage } from './state/page.ts';
import { applyTheme, savePreferences, storedPreferences, storedTheme } from './state/preferences.ts';
import { browserQueue } from './state/queue.ts';
import { openWorkerSession, watched } from './state/run-manager.ts';
import { browserAddress } from './state/sharing.ts';
import { browserTasks } from './state/task-store.ts';
import { openTablesWorker } from './state/tasks.ts';
import { askWhereToSave, openExportsWorker } from './state/taught-models.ts';
import { askLengthsWorker, askPreviewWorker } from './state/text-questions.ts';
import { askCheckpointsWorker } from './state/unfinished.ts';
import './ui/base.css';
import { download } from './ui/download.ts';

/**
 * Returns a notice that the page shows in a frame instead of the workbench, so that a page around it, which may cover
 * it, cannot lead a click to a run. The header `X-Frame-Options` forbids frames, but some hosts send no headers.
 */
function framedNotice(page: Document): HTMLElement {
  const [notice, link] = [page.createElement('main'), page.createElement('a')];
  link.href = page.location.href;
  link.target = '_blank';
  link.rel = 'noopener';
  link.textContent = 'Open it in a tab of its own';
  notice.dataset['testid'] = 'framed';
  notice.append('gorp-web does not work inside another page. ', link, '.');
  return notice;
}

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
    tables: openTablesWorker(),
    theme,
    models: { openModels: openModelsWorker, storage: navigator.storage },
    askForPreview: askPreviewWorker,
    askForLengths: askLengthsWorker,
    checkModel: askModelCheckWorker,
    openRounds: async (given, access) => (await import('./state/playground.ts')).playground.open(access, null, given),
    exports: { open: openExportsWorker, askWhere: askWhereToSave, deliver: download },
    askForPlan: askPlanWorker,
    askForDevice: askDeviceWorker,
    preferences: storedPreferences(),
    savePreferences,
    bench: askBenchWorker,
    pace: browserTimeCorrections(),
    checkpoints: askCheckpointsWorker,
    queue: browserQueue(),
    address: browserAddress,
    lastVisit: browserLastVisit,
  });
  // Despite its type, the property is missing in browsers without wake locks.
  keepAwake(page.store, 'wakeLock' in navigator ? navigator.wakeLock : undefined, document);
  watchSlowdown(page.store, document, now);
  saveWhenHidden(page, document);
  void page.load();
  // A set-up link may be opened in a tab that already shows the page.
  window.addEventListener('hashchange', () => void page.sharing.readAddress());

  createRoot(at).render(
    <StrictMode>
      <PageProvider value={page}>
        <App />
      </PageProvider>
    </StrictMode>,
  );
}
