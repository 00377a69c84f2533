import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, it } from 'vitest';
import { treeCpuMs } from './cpu-time.ts';

it('counts the CPU time of child processes where the system reports it', async () => {
  if (process.platform !== 'linux') {
    expect(treeCpuMs(process.pid)).toBeNull();
    return;
  }
  const before = treeCpuMs(process.pid) ?? NaN;
  // The child prints a line after 200 ms of CPU time and stays alive.
  const code = `while (process.cpuUsage().user < 200e3); console.log('done'); setTimeout(() => {}, 1e5)`;
  const child = spawn(process.execPath, ['--eval', code]);
  await once(child.stdout, 'data');
  expect((treeCpuMs(process.pid) ?? NaN) - before).toBeGreaterThan(190);
  child.kill();
});
