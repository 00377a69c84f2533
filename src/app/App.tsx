import { type MouseEvent, Suspense, useEffect, useRef, useState } from 'react';
import { Pictured } from './charts/save.tsx';
import styles from './App.module.css';
import { DeviceLine } from './DeviceLine.tsx';
import { ImportDialog } from './form/ImportDialog.tsx';
import { RunBar } from './form/RunBar.tsx';
import { StartFacts } from './form/StartFacts.tsx';
import { SetupPanel } from './form/SetupPanel.tsx';
import { OfferDialog } from './form/Sharing.tsx';
import { Notices } from './Notices.tsx';
import { comparedResults } from './state/compare.ts';
import { filesOfDrop } from './state/dropped-files.ts';
import { usePage, usePageState } from './state/page-context.tsx';
import { runTitle } from './state/phase.ts';
import { TABS, type Tab, type Theme, applyTheme } from './state/preferences.ts';
import { isActive } from './state/run-state.ts';
import type { PageState } from './state/store.ts';
import { ModelsTab } from './tabs/models/ModelsTab.tsx';
import { RanksTab } from './tabs/ranks/RanksTab.tsx';
import { ResultsTab } from './tabs/results/ResultsTab.tsx';
import { RunTab } from './tabs/run/RunTab.tsx';
import { Segmented, Tabs } from './ui/controls.tsx';
import { lazyPart } from './ui/blocks.tsx';

/** Takes up files that are dropped anywhere on the page. */
function DropAnywhere() {
  const { takeFiles } = usePage();
  const [isOver, setIsOver] = useState(false);
  useEffect(() => {
    const carriesFiles = ({ dataTransfer }: DragEvent): boolean => dataTransfer?.types.includes('Files') ?? false;
    const over = (event: DragEvent): void => {
      if (!carriesFiles(event)) return;
      // Otherwise the browser would open the file in place of the page.
      event.preventDefault();
      setIsOver(true);
    };
    const leave = ({ relatedTarget }: DragEvent): void => {
      if (relatedTarget === null) setIsOver(false); // out of the window
    };
    const drop = (event: DragEvent): void => {
      setIsOver(false);
      if (event.dataTransfer === null || !carriesFiles(event)) return;
      event.preventDefault();
      void takeFiles(filesOfDrop(event.dataTransfer.items));
    };
    // `dragenter` too: if another element comes under a file just before it is dropped, no `dragover` follows, and a file
    // that nothing has accepted is refused.
    const listeners = new AbortController();
    const { signal } = listeners;
    window.addEventListener('dragenter', over, { signal });
    window.addEventListener('dragover', over, { signal });
    window.addEventListener('dragleave', leave, { signal });
    window.addEventListener('drop', drop, { signal });
    return () => listeners.abort();
  }, [takeFiles]);
  return isOver ? (
    <p className={styles.hint} role="status">
      Drop a model, data, an order, a set-up, results or a run’s folder anywhere.
    </p>
  ) : null;
}

/** The tab that an entry of the browser's history belongs to; null if the entry is not this page's. */
export function tabOf(state: unknown): Tab | null {
  const name = typeof state === 'object' && state !== null && 'tab' in state ? state.tab : undefined;
  return TABS.find(({ id }) => id === name)?.id ?? null;
}

/** Gives every chosen tab an entry in the browser's history, so that _Back_ returns to it, as a reload does. */
function useTabHistory(): void {
  const { changeView } = usePage();
  const tab = usePageState(({ view }) => view.tab);
  const isFirst = useRef(true);
  useEffect(() => {
    const here = tabOf(history.state);
    if (isFirst.current) {
      isFirst.current = false;
      if (here === null) history.replaceState({ tab }, '');
      else changeView({ tab: here });
      return;
    }
    if (here !== tab) history.pushState({ tab }, '');
  }, [changeView, tab]);
  useEffect(() => {
    const back = ({ state }: PopStateEvent): void => {
      const there = tabOf(state);
      if (there !== null) changeView({ tab: there });
    };
    window.addEventListener('popstate', back);
    return () => window.removeEventListener('popstate', back);
  }, [changeView]);
}

// Loaded with their dependencies when first opened.
const TryTab = lazyPart(() => import('./tabs/try/TryTab.tsx'));
const CompareTab = lazyPart(async () => ({ default: (await import('./tabs/compare/CompareTab.tsx')).CompareTab }));
const DeviceTab = lazyPart(async () => ({ default: (await import('./tabs/device/DeviceTab.tsx')).DeviceTab }));
const QueueTab = lazyPart(async () => ({ default: (await import('./tabs/queue/QueueTab.tsx')).QueueTab }));

/** The workbench: settings on the left, the run and its results in the centre. */
export function App() {
  const { changeView } = usePage();
  const tab = usePageState(({ view }) => view.tab);
  const method = usePageState(shownMethods);
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
          <Tabs
            tabs={TABS}
            selected={tab}
            onSelect={(next) => changeView({ tab: next })}
            label="Views of the run"
            notices={
              // Below the tabs, which stay where they are when a run begins or ends.
              <>
                <Notices />
                <DeviceLine />
              </>
            }
          >
            <Pictured value={method}>
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
            </Pictured>
          </Tabs>
        </main>
      </div>
      <DropAnywhere />
      <ImportDialog />
      <OfferDialog />
    </>
  );
}

/** The method whose charts the tab in view shows; of compared runs up to three, or how many. */
function shownMethods({ view, run, compare }: PageState): string {
  if (view.tab !== 'compare') return run.settings?.method.name ?? '';
  const names = [...new Set(comparedResults(compare).map(({ settings }) => settings.method.name))];
  return names.length > 3 ? `${names.length} methods` : names.join(', ');
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

const THEMES: readonly { value: Theme; label: string }[] = [
  { value: 'system', label: 'Auto' },
  { value: 'light', label: 'Light' },
  { value: 'dark', label: 'Dark' },
];

function Header() {
  const { changeView } = usePage();
  const theme = usePageState(({ view }) => view.theme);
  return (
    <header className={styles.header}>
      <h1 className={styles.name}>gorp-web</h1>
      <p className={`muted small ${styles.claim}`}>Continual fine-tuning on your own machine. Nothing leaves it.</p>
      <Segmented
        label="Colours"
        options={THEMES}
        value={theme}
        onChange={(next) => {
          applyTheme(next);
          changeView({ theme: next });
        }}
      />
    </header>
  );
}
