import { useMemo } from 'react';
import { usePage, usePageState } from '../page-context.tsx';
import { type Estimate, estimateOf } from './estimate.ts';

/** How long a run with the page's settings would take; null until known. */
export function useEstimate(): Estimate | null {
  const { pace } = usePage();
  const draft = usePageState((state) => state.draft);
  const taskData = usePageState((state) => state.taskData);
  const memoryPlan = usePageState((state) => state.memoryPlan);
  const deviceFound = usePageState((state) => state.deviceFound);
  const resumePoint = usePageState((state) => state.resumePoint);
  // A finished run may have corrected the pace.
  const status = usePageState(({ run }) => run.status);
  return useMemo(
    () => (status === 'running' ? null : estimateOf({ draft, taskData, memoryPlan, deviceFound, resumePoint }, pace)),
    [draft, taskData, memoryPlan, deviceFound, resumePoint, pace, status],
  );
}
