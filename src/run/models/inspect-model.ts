import { countingDevice } from '../../device/counting-device.ts';
import type { ModelFiles } from '../../weights/model-folder.ts';
import { openNetwork, readTexts } from './open-network.ts';

/**
 * Checks that a model's files fit together: its family, its tokenizer, and the names and shapes of its tensors.
 *
 * @throws GorpError `model/…` and `text/…`, naming the field, token or tensor.
 */
export async function inspectModel(model: ModelFiles): Promise<void> {
  const known = await readTexts(model, { promptForm: 'raw' });
  const device = countingDevice({ kind: 'wasm', limits: { buffer: Infinity, total: null } });
  openNetwork(device, model, { sourceLength: 1, targetLength: 1 }, known).network.destroy();
}
