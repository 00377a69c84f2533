import { Sha256 } from '../base/sha256.ts';
import type { Example, Task } from './task.ts';

/** A labelled example has two parts, as in earlier versions. */
const partsOf = ({ sentence, label, others, turns }: Example): unknown[] =>
  others === undefined && turns === undefined ? [sentence, label] : [sentence, label, others ?? [], turns ?? []];

/** Examples hashed at once. */
const AT_ONCE = 1000;

/** Identifies the content of a task, whatever its name: SHA-256 of its kind, question, labels and all its examples. */
export async function taskHash({ kind, instruction, labels, form, frame, train, dev, test }: Task): Promise<string> {
  const hash = await Sha256.begin();
  const add = (value: unknown): void => hash.update(new TextEncoder().encode(`${JSON.stringify(value)}\n`));
  add(form === undefined || form === 'labels' ? [kind, instruction, labels] : [kind, instruction, form, frame ?? null]);
  for (const examples of [train, dev, test]) {
    add(examples.length);
    for (let at = 0; at < examples.length; at += AT_ONCE) {
      add(examples.slice(at, at + AT_ONCE).map(partsOf));
    }
  }
  return hash.digest();
}
