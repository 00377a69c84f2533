import { type MessagePort, parentPort } from 'node:worker_threads';

/** Vitest ends a thread by this, which Deno's port lacks: a thread that has ended hears nothing anyway. */
if (parentPort !== null) parentPort.removeAllListeners = (): MessagePort => parentPort as MessagePort;
