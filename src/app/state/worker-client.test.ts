import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { RunEvent } from '../../run/events/events.ts';
import type { WorkerCommand } from '../../worker/protocol.ts';
import { openWorkerSession } from './run-manager.ts';
import { connectWorker } from './session.ts';

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

type Echo = { echo: (text: string) => string };

const lastMade = (): FakeWorker => {
  const worker = FakeWorker.made.at(-1);
  if (worker === undefined) throw new Error('no worker was made');
  return worker;
};

const VERSION = { version: '1.2.3 (abc)' };

const open = () => {
  const events: RunEvent[] = [];
  const session = openWorkerSession((event) => events.push(event));
  session.send({ type: 'pause' });
  const worker = lastMade();
  worker.onmessage?.({ data: VERSION });
  return { events, session, worker };
};

beforeEach(() => {
  FakeWorker.made = [];
  vi.stubGlobal('Worker', FakeWorker);
  vi.stubGlobal('__APP_VERSION__', '1.2.3');
  vi.stubGlobal('__APP_COMMIT__', 'abc');
});
afterEach(() => vi.unstubAllGlobals());

describe('a client of a worker', () => {
  it('calls functions by name and passes events', () => {
    const { events, session, worker } = open();
    const command: WorkerCommand = { type: 'stop' };
    session.send(command);
    expect(worker.sent).toEqual([
      { call: 0, name: 'pause', argument: { type: 'pause' } },
      { call: 1, name: 'stop', argument: command },
    ]);
    expect(FakeWorker.made).toHaveLength(1);
    worker.onmessage?.({ data: { event: { type: 'paused' } } });
    expect(events).toEqual([{ type: 'paused' }]);
    expect(worker.url.pathname).toMatch(/worker\/train\.ts$/);
  });

  it('talks to no worker of another version', () => {
    const { events, worker } = open();
    worker.onmessage?.({ data: { version: '1.2.4 (abd)' } });
    worker.onmessage?.({ data: { event: { type: 'paused' } } });
    expect(events).toMatchObject([{ type: 'failed', error: { code: 'worker/other-version' } }]);
    expect(worker.terminated).toBe(true);
  });

  it('turns a crash into a failed event and ends the worker', () => {
    const { events, worker } = open();
    worker.onerror?.({ message: 'out of memory', preventDefault: () => undefined });
    expect(events).toMatchObject([{ type: 'failed', error: { code: 'worker/crashed' } }]);
    expect(events[0]).toMatchObject({ error: { message: expect.stringContaining('out of memory') as string } });
    expect(worker.terminated).toBe(true);
  });

  it('fails on a message that it cannot read', () => {
    const unreadable = open();
    unreadable.worker.onmessageerror?.();
    expect(unreadable.events).toMatchObject([{ type: 'failed', error: { code: 'worker/unreadable-message' } }]);
  });

  it('ignores events after it was closed', () => {
    const { events, session, worker } = open();
    session.close();
    worker.onmessage?.({ data: { event: { type: 'paused' } } });
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

  it('rejects pending calls after a fault, and starts another worker for the next', async () => {
    const { call } = connectWorker<Echo>(() => new Worker(new URL('x.ts', import.meta.url)), {
      name: 'The worker',
      nextStep: 'Again.',
    });
    const first = call('echo', 'first');
    lastMade().onerror?.({ message: 'gone', preventDefault: () => undefined });
    await expect(first).rejects.toMatchObject({ message: 'The worker stopped: gone.', nextStep: 'Again.' });
    void call('echo', 'second');
    expect(FakeWorker.made.map(({ sent }) => sent)).toMatchObject([[{ argument: 'first' }], [{ argument: 'second' }]]);
  });

  it('does not hide an error thrown by the page itself', () => {
    openWorkerSession(() => {
      throw new Error('the page is broken');
    }).send({ type: 'pause' });
    const worker = lastMade();
    expect(() => worker.onmessage?.({ data: { event: { type: 'paused' } } })).toThrow('the page is broken');
    expect(worker.terminated).toBe(false);
  });
});
