import type { Clock } from './timing.ts';

/** In Node all of Dawn, the driver and the kernels of a software adapter run in this process. */
export const nodeClock: Clock = {
  now: () => performance.now(),
  cpuMs: () => {
    const { user, system } = process.cpuUsage();
    return Promise.resolve((user + system) / 1e3);
  },
};
