import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './App.tsx';
import './base.css';
import { browserHistory } from './history.ts';
import { openModelsWorker } from './models/models-session.ts';
import { createPage } from './page.ts';
import { PageProvider } from './page-context.tsx';
import { openWorkerSession } from './session.ts';
import { webGpuSupport } from './support.ts';
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
  findSupport: () => webGpuSupport(gpu, isSecureContext),
  theme,
  models: { openModels: openModelsWorker, storage: navigator.storage, gpu },
});
void page.load();

createRoot(root).render(
  <StrictMode>
    <PageProvider value={page}>
      <App />
    </PageProvider>
  </StrictMode>,
);
