import { serve, type ThreadStart } from '../device/wasm/thread.mjs';

// A thread of the WebAssembly device: the only message tells it what to begin with.
declare const self: DedicatedWorkerGlobalScope;

self.onmessage = ({ data }: MessageEvent<ThreadStart>) => serve(data, () => self.postMessage('ready'));
