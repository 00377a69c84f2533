import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './App.tsx';
import './base.css';
import { browserHistory } from './history.ts';
import { keepBudget, storedBudget } from './memory/budget.ts';
import { askPlanWorker } from './memory/plan-worker.ts';
import { openModelsWorker } from './models/models-session.ts';
import { createPage } from './page.ts';
import { download } from './download.ts';
import { PageProvider } from './page-context.tsx';
import { askWhereToSave, createKeptRounds, openExportsWorker } from './results/kept-rounds.ts';
import { KeptRoundsProvider } from './results/kept-rounds-context.tsx';
import { openWorkerSession } from './session.ts';
import { webGpuSupport } from './support.ts';
import { createTableDesk, openTablesWorker } from './tasks/table-desk.ts';
import { browserTasks } from './tasks/task-store.ts';
import { applyTheme, storedTheme } from './theme.ts';

const root = document.getElementById('root');
if (root === null) throw new Error('index.html has no element #root.');

const theme = storedTheme();
applyTheme(theme);

// In browsers without WebGPU the property is missing, whatever the types say.
const gpu = 'gpu' in navigator ? navigator.gpu : undefined;
const page = createPage({
  openSession: openWorkerSession,
  history: browserHistory(),
  tasks: browserTasks(),
  desk: createTableDesk(openTablesWorker),
  findSupport: () => webGpuSupport(gpu, isSecureContext),
  theme,
  models: { openModels: openModelsWorker, storage: navigator.storage, gpu },
  memory: { ask: askPlanWorker, budget: storedBudget(), keep: keepBudget },
});
const kept = createKeptRounds(openExportsWorker, askWhereToSave, download);
void page.load();

createRoot(root).render(
  <StrictMode>
    <PageProvider value={page}>
      <KeptRoundsProvider value={kept}>
        <App />
      </KeptRoundsProvider>
    </PageProvider>
  </StrictMode>,
);
