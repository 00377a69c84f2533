/** `npm run check`: format, types, lint and layers. All are run; the exit code is 1 when one fails. */
import { CHECKS } from './check/list.ts';
import { run } from './setup/process.ts';

for (const { name, command } of CHECKS) {
  const passed = (await run(command)) === 0;
  console.log(`${passed ? '✓' : '✗'} ${name}`);
  if (!passed) process.exitCode = 1;
}
