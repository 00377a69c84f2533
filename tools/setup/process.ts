import { spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of the project. */
export const projectRoot = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

/** Path of a file of the project. */
export const projectPath = (...parts: string[]): string => join(projectRoot, ...parts);

/** A program and its arguments. */
export type Command = readonly [program: string, ...args: string[]];

/** The command that runs an installed package's own program in this Node, without a shell and the same on every system. */
export const nodeCommand = (packageFile: string, ...args: string[]): Command => [
  process.execPath,
  projectPath('node_modules', ...packageFile.split('/')),
  ...args,
];

/** Runs a command in the project's folder with the terminal's own output, and gives its exit code (1 for a signal). */
export function run([program, ...args]: Command, env: NodeJS.ProcessEnv = {}): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd: projectRoot, stdio: 'inherit', env: { ...process.env, ...env } });
    child.on('error', reject);
    child.on('exit', (code) => {
      resolve(code ?? 1);
    });
  });
}

/** As {@link run}, but returns the output instead of showing it, so that several commands can run at once. */
export function runQuietly([program, ...args]: Command): Promise<{ code: number; output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd: projectRoot, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.on('error', reject);
    child.on('close', (code) => {
      resolve({ code: code ?? 1, output });
    });
  });
}

/** As {@link run}, for a step that must succeed. */
export async function runOrFail(command: Command, env: NodeJS.ProcessEnv = {}): Promise<void> {
  const code = await run(command, env);
  if (code !== 0) throw new Error(`"${command.join(' ')}" ended with exit code ${code}; its output above says why.`);
}
