import { openCpu } from '../../bench/bench.ts';
import { nodePlace } from '../../bench/node-place.ts';
import { Greedy } from '../../../src/bench/greedy.ts';
import { randomBatch } from '../../../src/bench/model-shapes.ts';
import { type OpenModel, SteppingModel } from '../../../src/bench/stepping-model.ts';
import { timed } from '../../../src/bench/timing.ts';
import { openNamedModel } from '../../../src/cli/named-models.ts';
import { nodeWasmHost } from '../../../src/cli/node-device.ts';
import type { Device } from '../../../src/device/device.ts';
import type { WasmDevice } from '../../../src/device/wasm/wasm-device.ts';
import type { MethodName } from '../../../src/methods/registry.ts';
import { plainLayers } from '../../../src/models/layers.ts';
import { Parameters } from '../../../src/models/parameters.ts';
import { openNetwork, readTexts } from '../../../src/run/models/open-network.ts';
import { startingMethod } from '../../../src/run/settings/starting-values.ts';
import type { Contender } from './contender.ts';

/** Tokens of a label. A decoder does not read the last one. */
const LABEL = 5;
const SOURCE = 512;

const acquire = (threads: number): Promise<WasmDevice> => openCpu(nodeWasmHost(threads), { threads });

/** This engine on the CPU, as the model answers: its weights in f32. @param folder of the model. */
export async function openOwn(folder: string, threads: number): Promise<Contender> {
  const device = await acquire(threads);
  const open = async () => {
    const { network, read } = await openModel(folder, SOURCE)(device);
    return { network, parameters: await Parameters.load(device, network.shapes, read) };
  };
  const start = performance.now();
  const { network, parameters } = await open();
  const loading = performance.now() - start;
  const layers = plainLayers((name) => parameters.tensor(name));
  const writers = new Map<string, Greedy>();
  const writerOf = async (B: number, S: number, tokens: number): Promise<Greedy> => {
    const key = [B, S, tokens].join();
    const writer = writers.get(key) ?? (await Greedy.create(device, network, layers, { B, S, capacity: tokens + 1 }));
    writers.set(key, writer);
    return writer;
  };
  return {
    name: `gorp-web, ${nodePlace.platform}`,
    loading,
    measure: async (job) => {
      if (job.do === 'step') return null; // a method's step: see openSteps
      const [prompt, tokens] = job.do === 'read' ? [job.tokens, 0] : [job.prompt, job.tokens];
      const writer = await writerOf(job.rows, prompt, tokens);
      const prompts = randomBatch(job.rows, prompt, LABEL).map(({ source }) => source);
      return timed(nodePlace.clock, () => writer.write(prompts, tokens));
    },
    close: async () => {
      for (const writer of writers.values()) writer.destroy();
      parameters.destroy();
      network.destroy();
      await device.destroy();
    },
  };
}

/** A model in the second task of a method, to be trained on random tokens. */
export const openSteps = (
  folder: string,
  threads: number,
  method: MethodName,
  { rows, tokens }: { rows: number; tokens: number },
): Promise<SteppingModel> => {
  const batch = randomBatch(rows, tokens - LABEL + 1, LABEL);
  const open: OpenModel = async (device) => ({ ...(await openModel(folder, tokens - LABEL + 1)(device)), batch });
  return SteppingModel.open(nodePlace, () => acquire(threads), method, startingMethod(folder, method), open);
};

const openModel = (folder: string, sourceLength: number) => async (device: Device) => {
  const model = await openNamedModel(folder);
  const known = await readTexts(model, { promptForm: 'raw' });
  const { network, targets, storedName } = openNetwork(device, model, { sourceLength, targetLength: LABEL }, known);
  return { network, targets, read: (name: string) => model.readTensor(storedName(name)) };
};
