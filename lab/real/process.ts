import { spawn } from 'node:child_process';

/** How to run a program. */
export interface Running {
  readonly cwd?: string;
  /** Called with each line of its output. May kill it. */
  readonly onLine?: (line: string, kill: () => void) => void;
}

/** Runs a program to its end. @returns what it wrote on stdout. @throws with the end of its stderr if it fails. */
export async function ran(program: string, args: readonly string[], { cwd, onLine }: Running = {}): Promise<string> {
  const child = spawn(program, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  let [stdout, stderr, isKilled, pending] = ['', '', false, ''];
  const kill = (): void => {
    isKilled = true;
    child.kill('SIGKILL');
  };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    if (onLine === undefined) {
      stdout += text;
      return;
    }
    const lines = (pending + text).split('\n');
    pending = lines.pop() ?? '';
    for (const line of lines) onLine(line, kill);
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr = (stderr + text).slice(-4000)));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject).once('close', resolve);
  });
  if (code !== 0 && !isKilled) throw new Error(`${program} ${args.join(' ')} ended with ${code}:\n${stderr}`);
  return stdout;
}

/**
 * Checks that Python has some packages, since they are needed only after minutes of training.
 *
 * @throws Error with their names and how to install them.
 */
export async function requirePackages(python: string, packages: readonly string[]): Promise<void> {
  const found = `import importlib.util as u; print(*[p for p in ${JSON.stringify(packages)} if not u.find_spec(p)])`;
  const missing = (await ran(python, ['-c', found])).trim();
  if (missing === '') return;
  throw new Error(`${python} lacks ${missing}. Run: ${python} -m pip install ${missing}`);
}
