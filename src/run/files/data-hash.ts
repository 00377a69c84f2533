import { Sha256 } from '../../base/sha256.ts';
import type { EncodedExample } from '../../tasks/fit.ts';
import type { EncodedTask } from '../tasks/encoded-task.ts';
import type { ProtectedExamples } from '../tasks/protected-examples.ts';

/** Names what a run trains on, protects and is tested on: SHA-256 over the tokens of every example, in order. */
export async function dataHash(tasks: readonly EncodedTask[], protects: ProtectedExamples): Promise<string> {
  const hash = await Sha256.begin();
  const add = (ids: readonly number[]): void => hash.update(new Uint8Array(Int32Array.of(ids.length, ...ids).buffer));
  const addAll = (examples: readonly EncodedExample[]): void => {
    for (const { source, label } of examples) {
      add(source);
      add(label);
    }
  };
  for (const { name, train, validation, test, candidates } of tasks) {
    hash.update(
      new TextEncoder().encode(
        `${name}\n${train.length} ${test.length} ${candidates.length}${validation.length > 0 ? ` ${validation.length}` : ''}\n`,
      ),
    );
    addAll([...train, ...validation, ...test]);
    for (const candidate of candidates) add(candidate);
  }
  protects.forEach(addAll);
  return hash.digest();
}
