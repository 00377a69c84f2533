import { describe, expect, it } from 'vitest';
import type { ModelsEvent } from '../../worker/protocol.ts';
import { applyModelsEvent, type ModelsState, NO_MODELS, roomLeft, startingWork } from './models.ts';

const progress = { file: 'w', bytes: 5, totalBytes: 10, source: 'network' as const, bytesPerSecond: 2 };
const stored: ModelsEvent = {
  type: 'stored',
  models: [{ folder: 'https://a/', reference: 'https://a/', bytes: 5, isComplete: false }],
  usageBytes: 5,
  quotaBytes: 100,
};
const fetching = startingWork(NO_MODELS, { kind: 'fetch', model: 'a/b', progress: null, isPausing: false });
const after = (state: ModelsState, ...events: ModelsEvent[]): ModelsState => events.reduce(applyModelsEvent, state);

describe('applyModelsEvent', () => {
  it('follows a download to its end', () => {
    const midway = after(fetching, { type: 'fetching', model: 'a/b', progress });
    expect(midway.work).toMatchObject({ kind: 'fetch', progress });
    const ended = after(midway, { type: 'fetched', model: 'a/b' }, stored);
    expect(ended).toMatchObject({
      work: null,
      paused: null,
      error: null,
      outcome: expect.stringContaining('a/b') as string,
    });
    expect([ended.stored?.length, roomLeft(ended)]).toEqual([1, 95]);
  });

  it('remembers a paused or failed download, so that it can resume', () => {
    const error = { code: 'weights/interrupted' as const, message: 'broke', nextStep: 'again' };
    const midway = after(fetching, { type: 'fetching', model: 'a/b', progress });
    const paused = { model: 'a/b', progress };
    expect(after(midway, { type: 'broken-off', model: 'a/b' }, stored)).toMatchObject({
      work: null,
      paused,
      error: null,
    });
    expect(after(midway, { type: 'failed', error }, stored)).toMatchObject({ work: null, paused, error });
    expect(startingWork(after(midway, { type: 'failed', error }), { kind: 'remove', folder: 'f' })).toMatchObject({
      error: null,
      paused: null,
    });
  });

  it('reports what a check found', () => {
    const checking = startingWork(NO_MODELS, { kind: 'verify', folder: 'f', progress: null });
    const midway = after(checking, { type: 'verifying', folder: 'f', progress: { bytes: 1, totalBytes: 2 } });
    expect(midway.work).toMatchObject({ progress: { bytes: 1 } });
    const reported = (mended: string[], removed: string[]): string | null =>
      after(midway, { type: 'verified', folder: 'f', verdict: { mended, removed } }).outcome;
    expect(reported([], [])).toMatch(/^Every part/);
    expect(reported(['w'], [])).toBe('Damaged parts were downloaded again: w.');
    expect(reported(['v'], ['w'])).toMatch(/downloaded again: v\. Damaged and removed: w\./);
  });

  it('ends a removal with the new list of models', () => {
    const removing = startingWork(NO_MODELS, { kind: 'remove', folder: 'f' });
    expect(after(removing, { ...stored, models: [] })).toMatchObject({ work: null, stored: [] });
    expect(after(fetching, stored).work).not.toBeNull();
    expect(roomLeft(NO_MODELS)).toBeNull();
  });
});
