import { serve, type ThreadStart } from '../device/wasm/thread.mjs';

// A thread of the WebAssembly device: its only message tells it what to run.
declare const self: DedicatedWorkerGlobalScope;

self.onmessage = ({ data }: MessageEvent<ThreadStart>) => serve(data, () => self.postMessage('ready'));
