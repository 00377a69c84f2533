import { WorkerThreads } from '../../../src/app/state/session.ts';
import type { Report } from '../../../src/bench/bench.ts';
import type { BenchEffort } from '../bench.ts';
import type { SectionName } from '../sections/index.ts';
import type { PageAnswer, Question } from './worker.ts';

declare global {
  interface Window {
    /** CPU milliseconds of the browser's processes, reported by the bench that opened it. */
    browserCpuMs(): Promise<number | null>;
    gorpBench: { adapter(): Promise<string>; run(section: SectionName, effort: BenchEffort): Promise<Report> };
  }
}

/** Runs the work in a new worker and answers the worker's questions meanwhile. */
function inWorker(question: Question): Promise<string | Report> {
  const worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' });
  const threads = new WorkerThreads();
  const tell = (message: Question): void => worker.postMessage(message);
  return new Promise<string | Report>((resolve, reject) => {
    worker.onmessage = ({ data }: MessageEvent<PageAnswer>) => {
      if (threads.take(data)) return;
      if (data.type === 'cpu-ms?') void window.browserCpuMs().then((ms) => tell({ type: 'cpu-ms', ms }));
      else if (data.type === 'done') resolve(data.result);
      else reject(new Error(data.error));
    };
    worker.onerror = ({ message }) => reject(new Error(message || 'the worker of the bench could not be loaded'));
    tell(question);
  }).finally(() => {
    worker.terminate();
    threads.close();
  });
}

window.gorpBench = {
  adapter: async () => (await inWorker({ type: 'adapter' })) as string,
  run: async (section, effort) => (await inWorker({ type: 'run', section, effort })) as Report,
};
