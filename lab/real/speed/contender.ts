import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { treeCpuMs } from '../../bench/cpu-time.ts';
import { type Spent, timed } from '../../../src/bench/timing.ts';

/** A job of a contender, which it does as often as it is asked. */
export type Job =
  /** A training step of LoRA of rank 8 on q_proj and v_proj. */
  | { readonly do: 'step'; readonly rows: number; readonly tokens: number }
  /** Reads prompts; of the last token of each, the logits are computed. */
  | { readonly do: 'read'; readonly rows: number; readonly tokens: number }
  /** Reads prompts of `prompt` tokens, then writes exactly `tokens` to each. */
  | { readonly do: 'write'; readonly rows: number; readonly prompt: number; readonly tokens: number };

/** A program whose speed is measured. */
export interface Contender {
  readonly name: string;
  /** Milliseconds from nothing to a model that can be asked. */
  readonly loading: number;
  /** @returns null if it cannot do that. */
  measure(job: Job): Promise<Spent | null>;
  close(): Promise<void>;
}

/**
 * Starts a program that answers each line of JSON, a {@link Job}, with one: `{}`, or `{"cannot": true}`. Its first line
 * says that its model is loaded.
 */
export async function startProgram(name: string, program: string, args: readonly string[]): Promise<Contender> {
  const start = performance.now();
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'ignore'] });
  const failed = new Promise<never>((_, reject) => child.once('error', reject));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const answer = async (): Promise<{ cannot?: boolean }> => {
    const next = await Promise.race([lines.next(), failed]);
    if (next.done) throw new Error(`${name} ended before it answered: ${[program, ...args].join(' ')}`);
    return JSON.parse(next.value) as { cannot?: boolean };
  };
  await answer();
  const loading = performance.now() - start;
  const clock = { now: () => performance.now(), cpuMs: () => Promise.resolve(treeCpuMs(child.pid ?? 0)) };
  return {
    name,
    loading,
    measure: async (job) => {
      let cannot = false;
      const spent = await timed(clock, async () => {
        child.stdin.write(`${JSON.stringify(job)}\n`);
        ({ cannot = false } = await answer());
      });
      return cannot ? null : spent;
    },
    close: async () => {
      const closed = new Promise((resolve) => child.once('close', resolve));
      child.stdin.end();
      await closed;
    },
  };
}
