import { type MouseEvent, Suspense, useEffect } from 'react';
import styles from './App.module.css';
import { DeviceLine } from './device/DeviceLine.tsx';
import { DropAnywhere } from './drop/DropAnywhere.tsx';
import { Header } from './Header.tsx';
import { usePage, usePageState } from './page-context.tsx';
import { OfferDialog } from './handover/OfferDialog.tsx';
import { StartFacts } from './lengths/StartFacts.tsx';
import { ModelsTab } from './models/ModelsTab.tsx';
import { Notices } from './Notices.tsx';
import { RunTab } from './progress/RunTab.tsx';
import { RanksTab } from './ranks/RanksTab.tsx';
import { ResultsTab } from './results/ResultsTab.tsx';
import { isActive } from './run-state.ts';
import { RunBar } from './setup/RunBar.tsx';
import { SetupPanel } from './setup/SetupPanel.tsx';
import { runTitle } from './progress/phase.ts';
import { useTabHistory } from './tab-history.ts';
import { TABS } from './tabs.ts';
import { ImportDialog } from './tasks/ImportDialog.tsx';
import { lazyPart } from './ui/lazy-part.tsx';
import { Tabs } from './ui/Tabs.tsx';

// Loaded with their dependencies when first opened.
const TryTab = lazyPart(() => import('./try/TryTab.tsx'));
const CompareTab = lazyPart(async () => ({ default: (await import('./compare/CompareTab.tsx')).CompareTab }));
const DeviceTab = lazyPart(async () => ({ default: (await import('./bench/DeviceTab.tsx')).DeviceTab }));
const QueueTab = lazyPart(async () => ({ default: (await import('./queue/QueueTab.tsx')).QueueTab }));

/** The workbench: settings on the left, the run and its results in the centre. */
export function App() {
  const { look } = usePage();
  const tab = usePageState(({ view }) => view.tab);
  useLeaveGuard();
  useTitle();
  useTabHistory();
  return (
    <>
      <a className={styles.skip} href="#views" data-testid="skip" onClick={focusTabs}>
        Skip the settings
      </a>
      <Header />
      <div className={styles.bench}>
        <aside className={styles.side} aria-label="Set-up">
          <RunBar />
          <StartFacts id="start-facts" />
          <SetupPanel />
        </aside>
        <main id="views" className={styles.centre}>
          <DeviceLine />
          <Tabs
            tabs={TABS}
            selected={tab}
            onSelect={(next) => look({ tab: next })}
            label="Views of the run"
            notices={<Notices />}
          >
            <Suspense fallback={<p>Loading…</p>}>
              {tab === 'run' && <RunTab />}
              {tab === 'ranks' && <RanksTab />}
              {tab === 'try' && <TryTab />}
              {tab === 'results' && <ResultsTab />}
              {tab === 'compare' && <CompareTab />}
              {tab === 'queue' && <QueueTab />}
              {tab === 'models' && <ModelsTab />}
              {tab === 'device' && <DeviceTab />}
            </Suspense>
          </Tabs>
        </main>
      </div>
      <DropAnywhere />
      <ImportDialog />
      <OfferDialog />
    </>
  );
}

/** Focuses the selected tab, past the form. The address stays: it may hold a shared set-up. */
function focusTabs(event: MouseEvent): void {
  event.preventDefault();
  document.querySelector<HTMLElement>('main [role=tab][aria-selected=true]')?.focus();
}

/** Makes the browser ask before leaving the page during a run. */
function useLeaveGuard(): void {
  const active = usePageState(({ run }) => isActive(run.status));
  useEffect(() => {
    if (!active) return undefined;
    const ask = (event: BeforeUnloadEvent): void => event.preventDefault();
    window.addEventListener('beforeunload', ask);
    return () => window.removeEventListener('beforeunload', ask);
  }, [active]);
}

/** Shows the run's progress in the title, for a tab in the background. */
function useTitle(): void {
  const title = usePageState(({ run }) => runTitle(run));
  useEffect(() => {
    document.title = title;
  }, [title]);
}
