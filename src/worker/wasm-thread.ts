import { serve, type ThreadStart } from '../device/wasm/thread.mjs';

// A thread of the WebAssembly device: the only message says how to begin.
declare const self: DedicatedWorkerGlobalScope;

self.onmessage = ({ data }: MessageEvent<ThreadStart>) => {
  serve(data, () => self.postMessage('ready'));
  self.close();
};
