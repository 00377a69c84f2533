import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { embeddedSettings } from '../run/presets.ts';
import type { WorkerCommand, WorkerEvent } from '../worker/protocol.ts';
import { openWorkerSession } from './session.ts';

class FakeWorker {
  static made: FakeWorker[] = [];
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onerror: ((event: { message: string; preventDefault: () => void }) => void) | null = null;
  onmessageerror: (() => void) | null = null;
  readonly sent: unknown[] = [];
  terminated = false;
  constructor(readonly url: URL) {
    FakeWorker.made.push(this);
  }
  postMessage(message: unknown): void {
    this.sent.push(message);
  }
  terminate(): void {
    this.terminated = true;
  }
}

const open = () => {
  const events: WorkerEvent[] = [];
  const session = openWorkerSession((event) => events.push(event));
  const worker = FakeWorker.made.at(-1);
  if (worker === undefined) throw new Error('no worker was made');
  return { events, session, worker };
};

beforeEach(() => vi.stubGlobal('Worker', FakeWorker));
afterEach(() => vi.unstubAllGlobals());

describe('openWorkerSession', () => {
  it('passes commands and events', () => {
    const { events, session, worker } = open();
    const settings = embeddedSettings('quick', 'gorp');
    const access = { hub: { endpoint: 'https://hub', token: null }, files: [] };
    const tasks = { folder: new Map<string, Blob>(), own: new Map<string, Blob>() };
    const rounds = { everyRound: false, goesOn: false };
    const command: WorkerCommand = {
      type: 'start',
      settings,
      device: 'auto',
      access,
      tasks,
      rounds,
      checkpoints: { everySeconds: 120, from: null },
      memoryBudget: null,
      gpuShare: 1,
    };
    session.send(command);
    expect(worker.sent).toEqual([command]);
    worker.onmessage?.({ data: { type: 'paused' } });
    expect(events).toEqual([{ type: 'paused' }]);
    expect(worker.url.pathname).toMatch(/worker\/main\.ts$/);
  });

  it('turns a crash into a failed event and ends the worker', () => {
    const { events, worker } = open();
    worker.onerror?.({ message: 'out of memory', preventDefault: () => undefined });
    expect(events).toMatchObject([{ type: 'failed', error: { code: 'worker/crashed' }, results: null }]);
    expect(events[0]).toMatchObject({ error: { message: expect.stringContaining('out of memory') as string } });
    expect(worker.terminated).toBe(true);
  });

  it('fails once on a message it cannot read or understand', () => {
    const unknown = open();
    unknown.worker.onmessage?.({ data: { type: 'exploded' } });
    unknown.worker.onmessage?.({ data: { type: 'paused' } });
    expect(unknown.events).toMatchObject([{ type: 'failed', error: { code: 'worker/bad-event' } }]);
    const unreadable = open();
    unreadable.worker.onmessageerror?.();
    expect(unreadable.events).toMatchObject([{ type: 'failed', error: { code: 'worker/unreadable-message' } }]);
  });

  it('hears nothing after it was closed', () => {
    const { events, session, worker } = open();
    session.close();
    worker.onmessage?.({ data: { type: 'paused' } });
    worker.onerror?.({ message: '', preventDefault: () => undefined });
    expect(events).toEqual([]);
    expect(worker.terminated).toBe(true);
  });

  it('lets a fault of the page itself surface as what it is', () => {
    openWorkerSession(() => {
      throw new Error('the page is broken');
    });
    const worker = FakeWorker.made.at(-1);
    expect(() => worker?.onmessage?.({ data: { type: 'paused' } })).toThrow('the page is broken');
    expect(worker?.terminated).toBe(false);
  });
});
