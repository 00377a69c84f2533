import { describe, expect, test, vi } from 'vitest';
import { GorpError } from '../base/errors.ts';
import { acquireTestDevice } from '../testing/devices.ts';
import { losingHost } from '../testing/losable.ts';
import { memoryCheckpoints } from '../testing/memory-checkpoints.ts';
import { tinyHost, tinySettings } from '../testing/tiny-run.ts';
import type { RunEvent } from './events/events.ts';
import { fold } from './events/fold.ts';
import type { RunHost } from './events/host.ts';
import type { Results } from './results/results.ts';
import { Run } from './run.ts';

const SETTINGS = tinySettings('gorp-plus');

/** Runs to the end, and loses the device whenever `loses` says so. */
async function execute(
  loses: (event: RunEvent, run: Run) => boolean,
  parts: Partial<RunHost> = memoryCheckpoints(0).parts(),
): Promise<{ events: RunEvent[]; last: RunEvent; results: Results | null }> {
  const events: RunEvent[] = [];
  const { host, lose } = losingHost(
    tinyHost((event) => {
      events.push(structuredClone(event));
      if (loses(event, run)) lose();
    }, parts),
  );
  const run = new Run(host, SETTINGS);
  await run.execute();
  const last = events[events.length - 1];
  const { results } = run;
  if (results) expect(results.memory.liveBuffersAtEnd).toBe(0);
  return { events, last, results };
}

const isAt = (event: RunEvent, phase: string, round: number, done: number): boolean =>
  event.type === 'progress' && event.phase === phase && event.round === round && event.done === done;

/** True the first time that something holds. */
function once(is: (event: RunEvent) => boolean): (event: RunEvent) => boolean {
  let done = false;
  return (event) => {
    if (done || !is(event)) return false;
    return (done = true);
  };
}

const whole = execute(() => false, {});

describe('a run whose device is lost', () => {
  test.each<[string, (event: RunEvent) => boolean]>([
    ['before anything is saved', (event) => event.type === 'begin'],
    ['in the tests before training', (event) => isAt(event, 'evaluate', 0, 3)],
    ['in a step', (event) => isAt(event, 'train', 1, 4)],
    ['while it is saved', (event) => isAt(event, 'checkpoint', 1, 0)],
    ['when spaces grow', (event) => isAt(event, 'space', 1, 0)],
    ['in the tests of a round', (event) => isAt(event, 'evaluate', 2, 3)],
  ])('resumes by itself %s, and ends like one without a loss', async (_, is) => {
    const { events, last, results } = await execute(once(is));
    expect(last.type).toBe('finished');
    const expected = (await whole).results;
    expect(results?.curves.loss).toEqual(expected?.curves.loss);
    expect(results?.curves.step).toEqual(expected?.curves.step);
    expect(results?.accuracy).toEqual(expected?.accuracy);
    expect(results?.spaces).toEqual(expected?.spaces);
    const reported = events.filter((event) => event.type === 'recovering');
    expect(reported).toHaveLength(1);
    expect(reported[0]).toMatchObject({ error: { code: 'device/lost' } });
    expect(results?.breaks).toEqual([
      { cause: 'device-lost', step: reported[0].step, again: expect.any(Number) as number },
    ]);
    // Who listens only from then on also gets the whole curve.
    expect(events.slice(events.indexOf(reported[0])).reduce(fold, null)?.curves).toEqual(results?.curves);
  });

  test('is called what it was called before', async () => {
    const loses = once((event) => isAt(event, 'train', 1, 4));
    const { results } = await execute((event, run) => {
      if (isAt(event, 'train', 1, 2)) run.label({ name: 'mine', notes: 'softer' });
      return loses(event);
    });
    expect(results).toMatchObject({ name: 'mine', notes: 'softer', status: 'finished' });
  });

  test('keeps waiting with another device if it was paused', async () => {
    let losses = 0;
    const { last, results } = await execute((event, run) => {
      if (isAt(event, 'train', 1, 2)) run.pause();
      if (event.type !== 'paused') return false;
      if (losses++ === 0) return true;
      run.resume();
      return false;
    });
    expect(last.type).toBe('finished');
    expect(losses).toBe(2);
    expect(results?.curves.loss).toEqual((await whole).results?.curves.loss);
  });

  test('gives up at the third loss within ten minutes, with its results so far', async () => {
    const { events, last, results } = await execute((event) => event.type === 'steps' && event.steps[0] >= 3);
    expect(events.filter(({ type }) => type === 'recovering')).toHaveLength(2);
    expect(last).toMatchObject({ type: 'failed', error: { code: 'device/lost' } });
    expect(last.type === 'failed' && last.error.message).toContain('happened 3 times within 10 minutes');
    expect(results?.curves.step.length).toBeGreaterThan(0);
    expect(results?.breaks).toHaveLength(2);
  });

  test('resumes after any number of losses that are far enough apart', async () => {
    let ms = 0;
    let losses = 0;
    const parts = { ...memoryCheckpoints(0).parts(), now: () => ms };
    const { last } = await execute((event) => {
      if (event.type !== 'evaluation' || event.round !== 0 || losses === 5) return false;
      losses++;
      ms += 6 * 60_000; // never three in ten minutes
      return true;
    }, parts);
    expect([last.type, losses]).toEqual(['finished', 5]);
  });

  test('requests a device of the same kind until there is one', async () => {
    const kinds: (string | undefined)[] = [];
    const acquireDevice: RunHost['acquireDevice'] = async (kind) => {
      kinds.push(kind);
      if (kinds.length === 2) throw new GorpError('gpu/no-adapter', 'It is not back yet.', 'Wait.');
      return { device: await acquireTestDevice(), why: 'no-adapter' };
    };
    const parts = { ...memoryCheckpoints(0).parts(), acquireDevice };
    const { last, results } = await execute(
      once((event) => isAt(event, 'train', 1, 2)),
      parts,
    );
    expect(last.type).toBe('finished');
    expect(kinds).toEqual([undefined, 'wasm', 'wasm']);
    expect(results?.device.why, 'why it was chosen at first').toBe('no-adapter');
  });

  test('waits two minutes for a device, as Chromium offers none after two crashes, and reports that it waits', async () => {
    const { setTimeout: schedule } = globalThis;
    let waited = 0;
    const hurry = vi.spyOn(globalThis, 'setTimeout').mockImplementation((then: () => void, ms = 0) => {
      waited += ms;
      return schedule(then, 0);
    });
    const longest = { ms: 0, since: 0 };
    let asked = 0;
    const acquireDevice: RunHost['acquireDevice'] = async () => {
      if (asked++ === 1) waited = 0;
      if (asked > 1 && waited < 120_000) throw new GorpError('gpu/no-adapter', 'It is not back yet.', 'Wait.');
      return { device: await acquireTestDevice(), why: 'asked' };
    };
    const lose = once((event) => isAt(event, 'train', 1, 2));
    try {
      const { last } = await execute(
        (event) => {
          if (event.type === 'progress' && event.phase === 'device') {
            longest.ms = Math.max(longest.ms, waited - longest.since);
            longest.since = waited;
          }
          return lose(event);
        },
        { ...memoryCheckpoints(0).parts(), acquireDevice },
      );
      expect(last.type).toBe('finished');
      expect(longest.since).toBeGreaterThan(100_000);
      expect(longest.ms).toBeLessThan(10_000);
    } finally {
      hurry.mockRestore();
    }
  });

  test.each(['there is none', 'the request never ends'])('can be stopped while it waits: %s', async (why) => {
    let asked = 0;
    const parts: Partial<RunHost> = {
      ...memoryCheckpoints(0).parts(),
      acquireDevice: async () => {
        if (asked++ > 0 && why === 'there is none') throw new GorpError('gpu/no-adapter', 'It is not back.', 'Wait.');
        if (asked > 1) await new Promise(() => undefined);
        return { device: await acquireTestDevice(), why: 'asked' };
      },
    };
    const { last, results } = await execute((event, run) => {
      if (event.type === 'recovering') setTimeout(() => run.stop(), 20);
      return isAt(event, 'train', 1, 4);
    }, parts);
    expect(last.type).toBe('stopped');
    expect(results?.curves.step.length, 'results so far are preserved').toBeGreaterThan(0);
  });
});
