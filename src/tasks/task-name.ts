import * as v from 'valibot';
import { benchmarkOf } from './benchmarks.ts';
import { isEmbedded } from './embedded-text.ts';

/** A name that is valid in a prompt, in a file name and as a key: of a custom task, or of a kind. */
export const NameSchema = v.pipe(
  v.string(),
  v.regex(
    /^[\p{L}\p{N}](?:[\p{L}\p{N}_-]|[ .](?=[\p{L}\p{N}]))*$/u,
    'Use letters and digits, with - _ . or a space between them',
  ),
  v.maxLength(40, 'Use at most 40 characters'),
  v.check((name) => !(name in {}), 'Choose another name'),
);

/**
 * Which task besides the custom ones has a name: orders name tasks by nothing else. Undefined if none has.
 *
 * @returns a clause: “a dataset of TRACE”.
 */
export function bearerOf(name: string): string | undefined {
  if (isEmbedded(name)) return 'an embedded task';
  const benchmark = benchmarkOf(name);
  return benchmark && `a dataset of ${benchmark.name}`;
}
