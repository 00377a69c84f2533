import { useMemo } from 'react';
import { usePageState } from '../page-context.tsx';
import { Section } from '../ui/Section.tsx';
import view from '../ui/view.module.css';
import { ChosenRuns } from './ChosenRuns.tsx';
import { comparedResults } from './compare-state.ts';
import { CompareTools } from './CompareTools.tsx';
import { Differences } from './Differences.tsx';
import { LossOverlay } from './LossOverlay.tsx';
import { Plane } from './Plane.tsx';
import { AccuracyOverlay, PerformanceOverlay, SpacesOverlay } from './RoundOverlays.tsx';
import type { TaskReport } from '../../run/results/results.ts';
import { groupsOf, type SettingsGroup } from './settings-groups.ts';

/** By Student's t: 12.706 ÷ √2 and 4.303 ÷ √3. */
const OF_TWO =
  ' With two seeds the 95 % interval is nine times as wide as the deviation; with three, two and a half times.';

/** Compares finished runs: the settings that differ, their curves, and what they learned and forgot. */
export function CompareTab() {
  const compare = usePageState((state) => state.compare);
  const groups = useMemo(() => groupsOf(comparedResults(compare)), [compare]);
  const isOfTwo =
    compare.by === 'setting' && compare.band === 'interval' && groups.some(({ runs }) => runs.length === 2);
  return (
    <div className={view.stack}>
      <ChosenRuns groups={groups} />
      {groups.length > 0 && (
        <>
          <Section
            title={groups.length > 1 ? 'Differences' : 'Measures'}
            note={noteOf(groups, isOfTwo)}
            tools={<CompareTools of={tasksIn(groups)} />}
            testId="differences"
          >
            <Differences groups={groups} />
          </Section>
          <LossOverlay groups={groups} />
          <div className={view.pair}>
            <PerformanceOverlay groups={groups} />
            <AccuracyOverlay groups={groups} />
          </div>
          <div className={view.pair}>
            <Plane groups={groups} />
            <SpacesOverlay groups={groups} />
          </div>
        </>
      )}
    </div>
  );
}

/** Runs of one setting differ in nothing but the seed. */
function noteOf(groups: readonly SettingsGroup[], isOfTwo: boolean): string | undefined {
  const differ = groups.length > 1 ? 'Settings that differ between these runs, apart from the seed.' : '';
  return `${differ}${isOfTwo ? OF_TWO : ''}`.trim() || undefined;
}

/** The tasks of all compared runs. */
const tasksIn = (groups: readonly SettingsGroup[]): TaskReport[] =>
  groups.flatMap(({ runs }) => runs.flatMap(({ results }) => results.tasks));
