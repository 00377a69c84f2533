import { Sha256 } from '../../base/sha256.ts';
import type { EncodedTask } from '../encoded-task.ts';

/** Names what a run trains on and is tested on: SHA-256 over the tokens of every example, in order. */
export async function dataHash(tasks: readonly EncodedTask[]): Promise<string> {
  const hash = await Sha256.begin();
  const add = (ids: readonly number[]): void => hash.update(new Uint8Array(Int32Array.of(ids.length, ...ids).buffer));
  for (const { name, train, protects, validation, test, candidates } of tasks) {
    hash.update(
      new TextEncoder().encode(
        `${name}\n${train.length} ${test.length} ${candidates.length}${validation.length > 0 ? ` ${validation.length}` : ''}${protects.length > 0 ? ` protects ${protects.length}` : ''}\n`,
      ),
    );
    for (const { source, label } of [...train, ...protects, ...validation, ...test]) {
      add(source);
      add(label);
    }
    for (const candidate of candidates) add(candidate);
  }
  return hash.digest();
}
