import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * The text of src/methods/all.ts, which lists every method by file name. The file of a method calls `defineMethod`;
 * other files of the folder do not.
 * @param folder of the methods.
 */
export function listText(folder: string): string {
  const methods = readdirSync(folder)
    .flatMap((file) => /^([a-z0-9-]+)\.ts$/.exec(file)?.[1] ?? [])
    .sort()
    .flatMap((file) => {
      const text = readFileSync(join(folder, `${file}.ts`), 'utf8');
      const name = /^export const (\w+) = defineMethod\(/m.exec(text)?.[1];
      return name === undefined ? [] : [{ name, file }];
    });
  return [
    '// Written by `npm run methods` from the files of this folder; `npm run check` compares.',
    ...methods.map(({ name, file }) => `import { ${name} } from './${file}.ts';`),
    '',
    '/** Every method, in order of file names. */',
    `export const ALL = [${methods.map(({ name }) => name).join(', ')}] as const;`,
    '',
  ].join('\n');
}
