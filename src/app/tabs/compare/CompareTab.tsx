import { useMemo } from 'react';
import { ScoreTool } from '../../shared/score-tools.tsx';
import { type CompareState, comparedResults } from '../../state/compare.ts';
import { usePage, usePageState } from '../../state/page-context.tsx';
import { ChosenRuns } from './ChosenRuns.tsx';
import { Differences } from './Differences.tsx';
import { LossOverlay } from './LossOverlay.tsx';
import { PairedDifferences } from './PairedDifferences.tsx';
import { Plane } from './Plane.tsx';
import { AccuracyOverlay, PerformanceOverlay, SpacesOverlay } from './RoundOverlays.tsx';
import { type SettingsGroup, groupsOf } from './settings-groups.ts';
import { PlainTable, Section } from '../../ui/blocks.tsx';
import { Segmented } from '../../ui/controls.tsx';
import type { TaskReport } from '../../../run/results/results.ts';
import { type ReportBlock, type StudyReport, openingBlocks, partBlocks } from '../../../run/results/study-report.ts';

const BY: readonly { value: CompareState['by']; label: string }[] = [
  { value: 'setting', label: 'Mean over seeds' },
  { value: 'orders', label: 'Over seeds and orders' },
  { value: 'run', label: 'Each run' },
];

const BANDS: readonly { value: CompareState['band']; label: string }[] = [
  { value: 'deviation', label: '± deviation' },
  { value: 'interval', label: '95 % interval' },
];

/** Controls that apply to all charts of the comparison. */
export function CompareTools({ of }: { of: readonly TaskReport[] }) {
  const { compare } = usePage();
  const by = usePageState((state) => state.compare.by);
  const band = usePageState((state) => state.compare.band);
  return (
    <>
      <Segmented label="Lines" options={BY} value={by} onChange={(next) => compare.show({ by: next })} />
      {by !== 'run' && (
        <Segmented label="Band" options={BANDS} value={band} onChange={(next) => compare.show({ band: next })} />
      )}
      <ScoreTool of={of} />
    </>
  );
}

/** By Student's t: 12.706 ÷ √2 and 4.303 ÷ √3. */
const OF_TWO =
  ' With two seeds the 95 % interval is nine times as wide as the deviation; with three, two and a half times.';

/** Compares finished runs: the settings that differ, their curves, and what they learned and forgot. */
export function CompareTab() {
  const compare = usePageState((state) => state.compare);
  const { ticked, opened, by } = compare;
  const groups = useMemo(() => {
    const keys = new Map(ticked.flatMap((key) => (opened.has(key) ? [[opened.get(key), key]] : [])));
    return groupsOf(comparedResults({ ticked, opened }), by === 'orders', (results) => keys.get(results) ?? '');
  }, [ticked, opened, by]);
  const isOfTwo = by !== 'run' && compare.band === 'interval' && groups.some(isOfTwoSeeds);
  return (
    <div className="sections">
      <ChosenRuns groups={groups} />
      {compare.report !== null && <Report of={compare.report} />}
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
          <PairedDifferences groups={groups} />
          <LossOverlay groups={groups} />
          <div className="pair">
            <PerformanceOverlay groups={groups} />
            {by === 'orders' && groups.some(hasOrders) ? (
              <Section title="Accuracy of a task" testId="compare-accuracy">
                <p className="about">
                  Each order learns a task in another place, so a mean over orders would say nothing. Choose Mean over
                  seeds to see it for each order.
                </p>
              </Section>
            ) : (
              <AccuracyOverlay groups={groups} />
            )}
          </div>
          <div className="pair">
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

const isOfTwoSeeds = ({ runs }: SettingsGroup): boolean => new Set(runs.map(({ seed }) => seed)).size === 2;

/** Whether a group has runs on several orders. */
const hasOrders = ({ runs }: SettingsGroup): boolean =>
  new Set(runs.map(({ results }) => results.settings.order.join())).size > 1;

/** The tasks of all compared runs. */
const tasksIn = (groups: readonly SettingsGroup[]): TaskReport[] =>
  groups.flatMap(({ runs }) => runs.flatMap(({ results }) => results.tasks));

/** The report of a study, like its Markdown but without the matrices: read-only, and not stored. */
export function Report({ of }: { of: StudyReport }) {
  const { compare } = usePage();
  const blocks = [...openingBlocks(of), ...of.parts.flatMap((part) => partBlocks(part, of.claim?.part ?? ''))];
  return (
    <Section
      title={of.title}
      note="The report of a study, from its file: in percent, with 95 % intervals over seeds."
      tools={
        <button type="button" onClick={compare.closeReport}>
          Close the report
        </button>
      }
      testId="study-report"
    >
      {blocks.map((block, i) => (
        <Block key={i} block={block} label={`Table ${i + 1} of the report`} />
      ))}
    </Section>
  );
}

/** Without the marks of Markdown. */
const plain = (text: string): string => text.replaceAll(/`|\*\*/g, '');

function Block({ block, label }: { block: ReportBlock; label: string }) {
  if ('heading' in block) return <h3 className="spaced">{block.heading}</h3>;
  if ('text' in block) return <p className="spaced">{plain(block.text)}</p>;
  return <PlainTable label={label} head={block.head} rows={block.rows} box="spaced" />;
}
