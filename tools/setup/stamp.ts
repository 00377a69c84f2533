import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';

/** A step that makes files from files, and can be skipped while its inputs are unchanged. */
export interface Step {
  /** Files and folders read, relative to the root. One that is missing counts as empty. */
  inputs: readonly string[];
  /** Anything else that the outputs depend on. */
  version?: string;
  /** Files and folders made; the step is due when one is missing. */
  outputs: readonly string[];
}

/** The stamp of a step: beside what it makes, since checkouts may share node_modules by a link. */
export const stampFile = (root: string, name: string): string => join(root, 'build', 'stamps', name);

/** SHA-256 over a step's version and the paths and contents of its inputs. */
function hashInputs(root: string, { inputs, version = '' }: Step): string {
  const hash = createHash('sha256').update(`${version}\0`);
  for (const input of inputs) {
    for (const file of filesUnder(join(root, input))) {
      const name = relative(root, file).split(sep).join('/');
      const content = readFileSync(file);
      hash.update(`${name}\0${content.length}\0`).update(content);
    }
  }
  return hash.digest('hex');
}

/** Whether a step has to run: an output is missing, or the inputs are not those the stamp was written for. */
function isDue(root: string, step: Step, stampFile: string): boolean {
  if (step.outputs.some((output) => !existsSync(join(root, output))) || !existsSync(stampFile)) return true;
  return readFileSync(stampFile, 'utf8') !== hashInputs(root, step);
}

/**
 * Runs a step when it is due, and remembers its inputs once it has succeeded.
 * @returns whether it ran.
 */
export async function runIfDue(
  root: string,
  step: Step,
  stampFile: string,
  work: () => Promise<void>,
): Promise<boolean> {
  if (!isDue(root, step, stampFile)) return false;
  // Without this, a run that stops half-way would leave half-made outputs under the stamp of the last good ones.
  rmSync(stampFile, { force: true });
  const inputs = hashInputs(root, step);
  await work();
  mkdirSync(dirname(stampFile), { recursive: true });
  writeFileSync(stampFile, inputs);
  return true;
}

/** Every file at or below a path, in a fixed order; none when nothing is there. */
function filesUnder(path: string): string[] {
  if (!existsSync(path)) return [];
  try {
    const names = readdirSync(path).sort();
    return names.flatMap((name) => filesUnder(join(path, name)));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOTDIR') return [path];
    throw error;
  }
}
