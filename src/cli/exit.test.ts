import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';

test('a process keeps running when its output is closed', async () => {
  const exit = pathToFileURL(join(import.meta.dirname, 'exit.ts')).href;
  const program = `
    const { exitWhenWritten, ignoreClosedOutput } = await import(${JSON.stringify(exit)});
    ignoreClosedOutput();
    process.stdin.once('data', async () => {
      for (let i = 0; i < 3; i++) {
        process.stdout.write('a line\\n');
        await new Promise((done) => setTimeout(done, 5));
      }
      process.stderr.write('made everything');
      await exitWhenWritten(7);
    });
    process.stdout.write('ready\\n');
  `;
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', program]);
  let noted = '';
  child.stderr.on('data', (text: Buffer) => (noted += text.toString()));
  await once(child.stdout, 'data');
  child.stdout.destroy();
  await once(child.stdout, 'close');
  child.stdin.write('go\n');
  const [code] = (await once(child, 'close')) as [number];
  expect(noted).toBe('made everything');
  expect(code).toBe(7);
});
