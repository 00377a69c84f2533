/**
 * Compares the models that tiny_families.py wrote: tensors bit for bit with the package gguf, logits with those that
 * transformers computes from the same values.
 *
 *   node tools/run.mjs lab/gguf/families.ts FOLDER
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { nodeDeviceHost } from '../../src/cli/host.ts';
import { openNamedModel } from '../../src/cli/named-models.ts';
import { openDevice } from '../../src/device/choice.ts';
import { relativeError } from '../../src/testing/compare.ts';
import { engineLogits } from '../../src/testing/engine-logits.ts';

const TOLERANCE = 1e-4;

interface Expected {
  readonly prompt: number[];
  readonly logits: number[][];
}

export async function main(args: string[]): Promise<number> {
  const folder = args.at(0);
  if (folder === undefined) throw new Error('Name the folder that tiny_families.py wrote.');
  const { device } = await openDevice('cpu', nodeDeviceHost());
  const names = readdirSync(folder).filter((name) => name.endsWith('.gguf'));
  let faults = 0;
  process.stdout.write('| model | tensors equal bit for bit | relative error of logits |\n| --- | --: | --: |\n');
  for (const name of names) {
    const file = join(folder, name);
    const read = <T>(end: string): T => JSON.parse(readFileSync(file.replace(/\.gguf$/, end), 'utf8')) as T;
    const model = await openNamedModel(file);
    const hashes = Object.entries(read<Record<string, string>>('.hashes'));
    let equal = 0;
    for (const [tensor, hash] of hashes) {
      if (
        createHash('sha256')
          .update(await model.readTensor(tensor))
          .digest('hex') === hash
      )
        equal++;
    }
    const { prompt, logits } = read<Expected>('.json');
    const stored = (tensor: string): string => (model.tensors.has(tensor) ? tensor : 'shared.weight');
    const found = await engineLogits(device, model.config, (one) => model.readTensor(stored(one)), prompt);
    const error = relativeError(found, logits.flat());
    process.stdout.write(
      `| ${name.replace('.gguf', '')} | ${equal} of ${hashes.length} | ${error.toExponential(1)} |\n`,
    );
    if (equal < hashes.length || !(error < TOLERANCE)) faults++;
  }
  await device.destroy();
  process.stdout.write(`${names.length - faults} of ${names.length} models agree\n`);
  return faults === 0 ? 0 : 1;
}
