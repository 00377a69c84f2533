/**
 * `npm run methods`: generates the list of methods and docs/methods.md from the files of src/methods. With `--check` it
 * writes nothing and fails if either is out of date. Both name the methods that docs/method.md lacks.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { format, type OxfmtConfig } from 'oxfmt';
import { projectPath } from '../setup/process.ts';
import { listText } from './text.ts';

const check = process.argv.includes('--check');
const options = JSON.parse(readFileSync(projectPath('.oxfmtrc.json'), 'utf8')) as OxfmtConfig;

/** Writes a file, or compares it. @returns whether it is now up to date. */
async function bring(path: string, text: string): Promise<boolean> {
  const file = projectPath(path);
  const { code: wanted, errors } = await format(file, text, options);
  if (errors.length > 0) throw new Error(`${path} cannot be formatted: ${errors[0].message}`);
  if (!check) writeFileSync(file, wanted);
  else if (!existsSync(file) || readFileSync(file, 'utf8') !== wanted) {
    console.error(`${path} is out of date with the files of src/methods. Run npm run methods.`);
    process.exitCode = 1;
    return false;
  }
  return true;
}

// The document is generated from the listed methods, so the list comes first.
if (await bring('src/methods/all.ts', listText(projectPath('src', 'methods')))) {
  const { methodsText } = await import('./text.ts');
  await bring('docs/methods.md', methodsText());
  const { METHOD_NAMES } = await import('../../src/methods/registry.ts');
  const method = readFileSync(projectPath('docs', 'method.md'), 'utf8');
  for (const name of METHOD_NAMES.filter((one) => !method.includes(`\n| \`${one}\` `))) {
    console.error(`docs/method.md has no row for ${name} in its table of methods.`);
    process.exitCode = 1;
  }
}
