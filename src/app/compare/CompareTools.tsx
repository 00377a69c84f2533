import type { TaskReport } from '../../run/results/results.ts';
import { usePage, usePageState } from '../page-context.tsx';
import { ScoreTool } from '../progress/tools.tsx';
import { Segmented } from '../ui/Segmented.tsx';
import type { CompareState } from './compare-state.ts';

const BY: readonly { value: CompareState['by']; label: string }[] = [
  { value: 'setting', label: 'Mean over seeds' },
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
      {by === 'setting' && (
        <Segmented label="Band" options={BANDS} value={band} onChange={(next) => compare.show({ band: next })} />
      )}
      <ScoreTool of={of} />
    </>
  );
}
