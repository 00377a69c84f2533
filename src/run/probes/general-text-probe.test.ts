import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../../device/device.ts';
import { familyOf } from '../../models/families.ts';
import { plainLayers } from '../../models/layers.ts';
import { Parameters } from '../../models/parameters.ts';
import type { EncodedExample } from '../../tasks/fit.ts';
import { acquireTestDevice } from '../../testing/devices.ts';
import { goldenReal } from '../../testing/golden.ts';
import { type ReferenceFolder, referencesWith } from '../../testing/reference.ts';
import { divergences, GeneralTextProbe, labelLosses, type ScoredLabel, scoreLabels } from './general-text-probe.ts';
import type { GeneralText } from './general-text.ts';

let device: Device;
beforeAll(async () => {
  device = await acquireTestDevice();
});
afterAll(async () => {
  expect(device.buffers.liveLabels).toEqual([]);
  await device.destroy();
});

/** The losses of transformers and PyTorch for a text, by model: tools/golden/general_text.py. */
interface Expected extends EncodedExample {
  readonly before: readonly number[];
  readonly after: readonly number[];
  readonly divergence: readonly number[];
  readonly whole: readonly number[];
}
interface File {
  readonly change: number;
  readonly families: Readonly<Record<string, readonly Expected[]>>;
}
const PATH = 'golden/general_text.json';
const cases = referencesWith(PATH).flatMap((reference) => {
  const { change, families } = reference.json<File>(PATH);
  return Object.entries(families).map(([family, texts]) => ({ family, reference, change, texts }));
});

/** Opens a model of the reference numbers, with its matrices times a factor. */
async function opened(reference: ReferenceFolder, family: string, factor: number) {
  const { networkOn } = familyOf(reference.json(`golden/${family}/config.json`)).read(
    reference.json(`golden/${family}/config.json`),
  );
  const network = networkOn(device, { sourceLength: 48, targetLength: 48 });
  const tensors = reference.tensors(`golden/${family}/model.safetensors`);
  const read = (name: string): Promise<Float32Array> => {
    const { data } = goldenReal(tensors, name);
    return Promise.resolve(network.shapes.get(name)?.length === 2 ? data.map((x) => x * factor) : data);
  };
  const parameters = await Parameters.load(device, network.shapes, read);
  const layers = plainLayers((name) => parameters.tensor(name));
  const destroy = (): void => {
    parameters.destroy();
    network.destroy();
  };
  return { parts: { device, network, layers }, destroy };
}

describe.each(cases)('$family of $reference.name', ({ family, reference, change, texts }) => {
  test('has the losses of transformers, and the KL of PyTorch', async () => {
    const [base, changed] = [await opened(reference, family, 1), await opened(reference, family, change)];
    let before: ScoredLabel[];
    let after: ScoredLabel[];
    try {
      before = await scoreLabels(base.parts, texts, null);
      const compared = before.map((one) => one.compared);
      after = await scoreLabels(changed.parts, texts, compared);
    } finally {
      base.destroy();
      changed.destroy();
    }
    texts.forEach((text, i) => {
      const near = (found: readonly number[], wanted: readonly number[]): void => {
        expect(found).toHaveLength(wanted.length);
        found.forEach((value, at) => expect(Math.abs(value - wanted[at])).toBeLessThan(1e-4));
      };
      near(labelLosses(before[i]), text.before);
      near(labelLosses(after[i]), text.after);
      const found = divergences(before[i], after[i]);
      near(found, text.divergence);
      // What the 64 likeliest miss is a small part of the whole, and never negative.
      found.forEach((value, at) => {
        expect(value).toBeLessThan(text.whole[at] + 1e-4);
        expect(value).toBeGreaterThan(0.5 * text.whole[at]);
      });
      expect(divergences(before[i], before[i])).toEqual(text.label.map(() => 0));
    });
  });
});

test('passages and prompts have means of their own, and a repeated measurement the same bits', async () => {
  const [{ reference, family, texts }] = cases;
  const model = await opened(reference, family, 1);
  const text: GeneralText = {
    name: 'included',
    hash: 'x',
    objective: 'next-token',
    longest: 48,
    asked: 8,
    leftOut: 0,
    passages: texts.slice(0, 2).map((one) => ({ ...one, bytes: 10 })),
    prompts: [{ task: 1, examples: texts.slice(2) }],
  };
  const seen: number[][] = [];
  try {
    // A batch of a single row, though it has more tokens.
    const probe = new GeneralTextProbe(model.parts, text, 5);
    const count = (done: number, total: number): Promise<void> => Promise.resolve(void seen.push([done, total]));
    const before = await probe.measure(0, count);
    expect(probe.about).toMatchObject({ name: 'included', tokens: texts.slice(0, 2).map(({ label }) => label.length) });
    expect(seen).toEqual(texts.map((_, i) => [i + 1, texts.length]));
    before.losses.forEach((loss, i) => {
      const wanted = texts[i].before.reduce((sum, value) => sum + value, 0) / texts[i].label.length;
      expect(Math.abs((loss ?? NaN) - wanted)).toBeLessThan(1e-4);
    });
    expect(await probe.measure(3, count)).toEqual({ ...before, round: 3 });
    expect(before.divergences).toEqual([0, 0]);
    expect(before.prompts).toEqual([{ task: 1, divergence: 0 }]);
  } finally {
    model.destroy();
  }
});
