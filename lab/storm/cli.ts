import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

const CLI = join(import.meta.dirname, '../../dist-lib/cli.js');

/** How a process ended. */
export interface Life {
  /** Null if it was killed. */
  readonly exit: number | null;
  readonly stderr: string;
  readonly milliseconds: number;
  /** Longest time without output, in seconds. */
  readonly silent: number;
}

/** @throws if the command line has not been built. */
export function requireCli(): void {
  if (!existsSync(CLI)) throw new Error('First run "npm run build:lib".');
}

/** Runs a command of the built command line until it ends, or kills it after a number of milliseconds. */
export function live(
  args: readonly string[],
  { milliseconds = Infinity, env = {} }: { milliseconds?: number; env?: Readonly<Record<string, string>> } = {},
): Promise<Life> {
  const child = spawn(process.execPath, [CLI, ...args], { env: { ...process.env, ...env } });
  const begun = performance.now();
  let [stderr, silent, heard] = ['', 0, begun];
  const hear = (): void => {
    silent = Math.max(silent, (performance.now() - heard) / 1000);
    heard = performance.now();
  };
  child.stdout.on('data', hear);
  child.stderr.on('data', (bytes: Buffer) => (stderr += bytes.toString()));
  const timer = Number.isFinite(milliseconds) ? setTimeout(() => child.kill('SIGKILL'), milliseconds) : undefined;
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (exit) => {
      clearTimeout(timer);
      hear();
      resolve({ exit, stderr: stderr.trim(), silent, milliseconds: heard - begun });
    });
  });
}
