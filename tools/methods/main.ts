/**
 * `npm run methods`: writes what follows from the files of src/methods, the list of them and docs/methods.md.
 * With `--check` it writes nothing and fails where one of the two is not what the methods say.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { format, type Options, resolveConfig } from 'prettier';
import { projectPath } from '../setup/process.ts';
import { listText } from './list.ts';

const check = process.argv.includes('--check');

/** Writes a file, or compares it; @returns whether it is now what the methods say. */
async function bring(path: string, text: string): Promise<boolean> {
  const file = projectPath(path);
  const options: Options = { ...(await resolveConfig(file)), filepath: file };
  const wanted = await format(text, options);
  if (!check) writeFileSync(file, wanted);
  else if (!existsSync(file) || readFileSync(file, 'utf8') !== wanted) {
    console.error(`${path} is not what the files of src/methods say: npm run methods writes it.`);
    process.exitCode = 1;
    return false;
  }
  return true;
}

// The text is made from the methods that are listed, so the list comes first.
if (await bring('src/methods/all.ts', listText(projectPath('src', 'methods')))) {
  const { methodsText } = await import('./text.ts');
  await bring('docs/methods.md', methodsText());
}
