import type { JsonRecords } from '../records.ts';

/** The column with the task's description, the same in every row. */
export const DEFINITION = 'definition';

/** A task of SuperNI as published: its description, and examples with several right answers each. */
interface SuperNi {
  readonly Definition: readonly string[] | string;
  readonly Instances: readonly { input: string; output: readonly string[] | string }[];
}

/** Whether parsed JSON is a task of SuperNI. */
export function isSuperNi(json: unknown): json is SuperNi {
  if (typeof json !== 'object' || json === null) return false;
  const { Definition: definition, Instances: instances } = json as Record<string, unknown>;
  const isText = (value: unknown): boolean =>
    typeof value === 'string' || (Array.isArray(value) && value.every((one) => typeof one === 'string'));
  return (
    isText(definition) &&
    Array.isArray(instances) &&
    instances.every((one: unknown) => {
      const { input, output } = (one ?? {}) as Record<string, unknown>;
      return typeof input === 'string' && isText(output);
    })
  );
}

/** The examples of a SuperNI file as rows, with the description in a column of its own. */
export function superNiRows({ Definition: definition, Instances: instances }: SuperNi): JsonRecords {
  const described = (typeof definition === 'string' ? definition : (definition[0] ?? '')).trim();
  const rows = instances.map(({ input, output }) => [
    described,
    input,
    JSON.stringify(typeof output === 'string' ? [output] : output),
  ]);
  return { columns: [DEFINITION, 'input', 'output'], rows, lines: rows.map((_, i) => i + 1), nested: ['output'] };
}
