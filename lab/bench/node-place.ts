import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { embeddedFolder } from '../../src/cli/named-models.ts';
import { nodeDevices, nodeWasmHost } from '../../src/cli/node-device.ts';
import { requestAdapter } from '../../src/device/webgpu/gpu.ts';
import { openWebGpu } from '../../src/device/webgpu/webgpu-device.ts';
import { openCpu, type BenchPlace } from './bench.ts';

/** This process: all of Dawn, the driver and the kernels of a software adapter run in it. */
export const nodePlace: BenchPlace = {
  platform: `Node ${process.versions.node}`,
  clock: {
    now: () => performance.now(),
    cpuMs: () => {
      const { user, system } = process.cpuUsage();
      return Promise.resolve((user + system) / 1e3);
    },
  },
  acquire: async (tuning) => openWebGpu(await requestAdapter(await nodeDevices(tuning).webgpu()), tuning),
  acquireCpu: (form) => openCpu(nodeWasmHost(form.threads), form),
  readEmbedded: async (path) => new Uint8Array(await readFile(join(embeddedFolder, path))),
};
