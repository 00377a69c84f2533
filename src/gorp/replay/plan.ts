import type { TokenPair } from '../../base/batch.ts';
import type { PartNeeds } from '../part-needs.ts';

/** Examples of earlier tasks among those of the current task. */
export interface ReplayPlan {
  readonly part: 'replay';
  readonly needs: PartNeeds;
  /** Share of each task's training examples to store; at least two of each label. */
  readonly memory: number;
}

/** @param share of every batch that comes from the memory, in [0, 1). The examples that it replaces are dropped. */
export const replay = ({ share, memory }: { readonly share: number; readonly memory: number }): ReplayPlan => ({
  part: 'replay',
  needs: { replayShare: share },
  memory,
});

/** An example that a method remembers, as the model reads it. */
export interface RememberedExample extends TokenPair {
  /** Its task, counted from 1. */
  readonly task: number;
}
