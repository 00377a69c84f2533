import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { GorpError } from '../../base/errors.ts';
import type { Device } from '../../device/device.ts';
import { type MethodName, planOf } from '../../methods/registry.ts';
import { openNetwork, readTexts } from '../../run/models/open-network.ts';
import { acquireTestDevice } from '../../testing/devices.ts';
import { tinyModel } from '../../testing/tiny-model.ts';
import { tinySettings } from '../../testing/tiny-run.ts';
import { LearnerCore } from './core.ts';

let device: Device;
beforeAll(async () => {
  device = await acquireTestDevice();
});
afterAll(() => device.destroy());

// Every kind of part: adapters, full-rank weights of both forms, spaces of both kinds, gates, importances, a row mask.
test.each<MethodName>(['gorp-plus', 'gorp', 'osft', 'gain-lora', 'ewc', 'migu'])(
  'a learner of %s whose memory runs out at any of its buffers leaves none',
  async (name) => {
    const { method, training } = tinySettings(name);
    const plan = planOf(method);
    const model = tinyModel();
    const lengths = { ...training, byPrompt: name === 'gain-lora' };
    const { network, targets } = openNetwork(device, model, lengths, await readTexts(model, training));
    const options = { seed: 1, maxGradNorm: 1, gradientAccumulation: 1, tasks: 2, keepsWeights: true };
    const load = (): Promise<LearnerCore> =>
      LearnerCore.load(device, network, plan, targets, options, (parameter) => model.readTensor(parameter));
    const before = device.buffers.liveLabels;
    const storage = device.buffers.storage.bind(device.buffers);
    let [asked, room] = [0, Infinity];
    const counting = vi.spyOn(device.buffers, 'storage').mockImplementation((...of) => {
      if (asked++ >= room) throw new GorpError('device/out-of-memory', 'There is no memory left.', 'Free some.');
      return storage(...of);
    });
    const core = await load();
    core.destroy();
    const all = asked;
    expect(all).toBeGreaterThan(20);
    for (room = 0; room < all; room++) {
      asked = 0;
      await expect(load()).rejects.toMatchObject({ code: 'device/out-of-memory' });
      expect(device.buffers.liveLabels, `at buffer ${room} of ${all}`).toEqual(before);
    }
    counting.mockRestore();
    network.destroy();
  },
);
