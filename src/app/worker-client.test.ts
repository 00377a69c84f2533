import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type RunEvent, RunEventSchema } from '../run/events.ts';
import { embeddedSettings } from '../run/presets.ts';
import type { WorkerCommand } from '../worker/protocol.ts';
import { openWorkerSession } from './session.ts';
import { scriptedRun } from './testing/script.ts';
import { connectWorker } from './worker-client.ts';

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

const lastMade = (): FakeWorker => {
  const worker = FakeWorker.made.at(-1);
  if (worker === undefined) throw new Error('no worker was made');
  return worker;
};

const open = () => {
  const events: RunEvent[] = [];
  const session = openWorkerSession((event) => events.push(event));
  session.send({ type: 'pause' });
  return { events, session, worker: lastMade() };
};

beforeEach(() => {
  FakeWorker.made = [];
  vi.stubGlobal('Worker', FakeWorker);
});
afterEach(() => vi.unstubAllGlobals());

describe('a client of a worker', () => {
  it('passes commands and events', () => {
    const { events, session, worker } = open();
    const command: WorkerCommand = { type: 'stop' };
    session.send(command);
    expect(worker.sent).toEqual([{ type: 'pause' }, command]);
    expect(FakeWorker.made).toHaveLength(1);
    worker.onmessage?.({ data: { type: 'paused' } });
    expect(events).toEqual([{ type: 'paused' }]);
    expect(worker.url.pathname).toMatch(/worker\/main\.ts$/);
  });

  it('passes every event of a run unchanged', () => {
    const { events, worker } = open();
    const sent = scriptedRun(embeddedSettings('quick', 'gorp'));
    for (const event of sent) worker.onmessage?.({ data: event });
    expect(events).toEqual(sent);
  });

  it('turns a crash into a failed event and ends the worker', () => {
    const { events, worker } = open();
    worker.onerror?.({ message: 'out of memory', preventDefault: () => undefined });
    expect(events).toMatchObject([{ type: 'failed', error: { code: 'worker/crashed' }, results: null }]);
    expect(events[0]).toMatchObject({ error: { message: expect.stringContaining('out of memory') as string } });
    expect(worker.terminated).toBe(true);
  });

  it('fails once on a message that it cannot read or understand', () => {
    const unknown = open();
    unknown.worker.onmessage?.({ data: { type: 'exploded' } });
    unknown.worker.onmessage?.({ data: { type: 'paused' } });
    expect(unknown.events).toMatchObject([{ type: 'failed', error: { code: 'worker/bad-event' } }]);
    const unreadable = open();
    unreadable.worker.onmessageerror?.();
    expect(unreadable.events).toMatchObject([{ type: 'failed', error: { code: 'worker/unreadable-message' } }]);
  });

  it('ignores events after it was closed', () => {
    const { events, session, worker } = open();
    session.close();
    worker.onmessage?.({ data: { type: 'paused' } });
    worker.onerror?.({ message: '', preventDefault: () => undefined });
    expect(events).toEqual([]);
    expect(worker.terminated).toBe(true);
  });

  it('starts the threads that its worker asks for, answers when they can help, and ends them with it', () => {
    const { events, session, worker } = open();
    const answers: unknown[] = [];
    const port = { postMessage: (answer: unknown) => answers.push(answer) };
    const start = { block: 64 };
    worker.onmessage?.({ data: { type: 'start-thread', start, port } });
    const helping = lastMade();
    expect(helping.url.pathname).toMatch(/worker\/wasm-thread\.ts$/);
    expect(helping.sent).toEqual([start]);
    expect(answers, 'not before it is ready').toEqual([]);
    helping.onmessage?.({ data: 'ready' });
    worker.onmessage?.({ data: { type: 'start-thread', start, port } });
    const broken = lastMade();
    broken.onerror?.({ message: 'no memory', preventDefault: () => undefined });
    expect(answers).toEqual([null, 'no memory']);
    expect(broken.terminated).toBe(true);
    expect(helping.terminated).toBe(false);
    session.close();
    expect([worker.terminated, helping.terminated]).toEqual([true, true]);
    expect(events, 'the run continues without the thread that could not start').toEqual([]);
  });

  it('starts another worker for the first command after a fault', () => {
    const faults: string[] = [];
    const { send } = connectWorker<string, RunEvent>(
      () => new Worker(new URL('x.ts', import.meta.url)),
      RunEventSchema,
      {
        name: 'The worker',
        nextStep: 'Again.',
        onMessage: () => undefined,
        onFault: ({ message }) => faults.push(message),
      },
    );
    send('first');
    lastMade().onerror?.({ message: 'gone', preventDefault: () => undefined });
    send('second');
    expect(faults).toEqual(['The worker stopped: gone.']);
    expect(FakeWorker.made.map(({ sent }) => sent)).toEqual([['first'], ['second']]);
  });

  it('does not hide an error thrown by the page itself', () => {
    openWorkerSession(() => {
      throw new Error('the page is broken');
    }).send({ type: 'pause' });
    const worker = lastMade();
    expect(() => worker.onmessage?.({ data: { type: 'paused' } })).toThrow('the page is broken');
    expect(worker.terminated).toBe(false);
  });
});
