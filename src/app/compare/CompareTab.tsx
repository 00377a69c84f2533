import { useMemo } from 'react';
import { usePage, usePageState } from '../page-context.tsx';
import { FileDrop } from '../ui/FileDrop.tsx';
import { Section } from '../ui/Section.tsx';
import view from '../ui/view.module.css';
import { ChosenRuns } from './ChosenRuns.tsx';
import { comparedResults } from './compare-state.ts';
import { CompareTools } from './CompareTools.tsx';
import { Differences } from './Differences.tsx';
import { LossOverlay } from './LossOverlay.tsx';
import { Plane } from './Plane.tsx';
import { AccuracyOverlay, PerformanceOverlay, SpacesOverlay } from './RoundOverlays.tsx';
import { groupsOf } from './settings-groups.ts';

/** Compares finished runs: the settings that differ, their curves, and what they learned and forgot. */
export function CompareTab() {
  const { compare: actions } = usePage();
  const compare = usePageState((state) => state.compare);
  const groups = useMemo(() => groupsOf(comparedResults(compare)), [compare]);
  return (
    <FileDrop className={view.stack} onFiles={(files) => void actions.takeFiles(files)}>
      <ChosenRuns groups={groups} />
      {groups.length > 0 && (
        <>
          <Section
            title="Differences"
            note="Settings that differ between these runs, apart from the seed."
            tools={<CompareTools />}
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
    </FileDrop>
  );
}
