import { describe, expect, it } from 'vitest';
import { QuietTime } from './quiet-time.ts';

const after = (milliseconds: number): Promise<'ready'> =>
  new Promise((resolve) => setTimeout(() => resolve('ready'), milliseconds));
const idle = (): Promise<void> => Promise.resolve();

function keepBusy(milliseconds: number): void {
  const end = performance.now() + milliseconds;
  while (performance.now() < end);
}

describe('QuietTime', () => {
  it('ends when the allowed time has passed', async () => {
    const time = new QuietTime(150, idle);
    expect(await Promise.race([time.over, after(5000)])).toBe('late');
    expect(time.spent).toBe(150);
    time.stop();
  });

  it('does not count while the thread is busy', async () => {
    const time = new QuietTime(300, idle);
    keepBusy(600);
    expect(await Promise.race([time.over, after(20)])).toBe('ready');
    expect(time.spent).toBeLessThan(200);
    time.stop();
  });

  it('does not count while the device is busy, and continues when it is idle or has failed', async () => {
    let turn = 0;
    const time = new QuietTime(300, () => (turn++ === 1 ? Promise.reject(new Error('lost')) : after(400)));
    await after(350);
    expect(time.spent).toBe(50);
    await after(400);
    expect(turn).toBeGreaterThan(2);
    expect(time.spent).toBe(turn * 50);
    time.stop();
  });

  it('stands still when stopped', async () => {
    const time = new QuietTime(100, idle);
    time.stop();
    expect(await Promise.race([time.over, after(200)])).toBe('ready');
    expect(time.spent).toBe(0);
  });
});
