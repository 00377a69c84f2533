/** `npm run check`: format, types, lint, methods, plain English and layers. All are run; the exit code is 1 when one fails. */
import { CHECKS } from './check/list.ts';
import { runQuietly } from './setup/process.ts';

// All at once: most compute on one core.
const checks = CHECKS.map(({ name, command }) => ({ name, done: runQuietly(command) }));
for (const { name, done } of checks) {
  const { code, output } = await done;
  process.stdout.write(output);
  const passed = code === 0;
  console.log(`${passed ? '✓' : '✗'} ${name}`);
  if (!passed) process.exitCode = 1;
}
