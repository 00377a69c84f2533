import { type MessagePort, parentPort } from 'node:worker_threads';

/** Vitest ends a thread with this call, which Deno's port lacks. A thread that has ended receives nothing anyway. */
if (parentPort !== null) parentPort.removeAllListeners = (): MessagePort => parentPort as MessagePort;
