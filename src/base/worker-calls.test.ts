import { describe, expect, it } from 'vitest';
import { GorpError } from './errors.ts';
import { type Call, type Functions, inTurn, serve } from './worker-calls.ts';

/** A worker with these functions, and what it posts. */
function served(functions: Functions) {
  const posted: unknown[] = [];
  const scope: Parameters<typeof serve>[0] = { onmessage: null, postMessage: (message) => posted.push(message) };
  serve(scope, '1.2.3', functions);
  const call = (data: Call): unknown => scope.onmessage?.({ data } as MessageEvent<Call>);
  return { posted, call };
}

describe('a worker that serves functions', () => {
  it('says its version first, and answers each call with what the function returns', async () => {
    const { posted, call } = served({ double: (n: number) => 2 * n, wait: async () => Promise.resolve('done') });
    await call({ call: 0, name: 'double', argument: 4 });
    await call({ call: 1, name: 'wait', argument: undefined });
    expect(posted).toEqual([{ version: '1.2.3' }, { call: 0, result: 8 }, { call: 1, result: 'done' }]);
  });

  it('sends an error with its code, cause and next step, also of a function that does not exist', async () => {
    const gone = new GorpError('store/gone', 'It is gone.', 'Fetch it again.');
    const { posted, call } = served({ open: () => Promise.reject(gone) });
    await call({ call: 0, name: 'open', argument: null });
    await call({ call: 1, name: 'close', argument: null });
    expect(posted.slice(1)).toMatchObject([
      { call: 0, error: { code: 'store/gone', message: 'It is gone.', nextStep: 'Fetch it again.' } },
      { call: 1, error: { code: 'internal/unexpected' } },
    ]);
  });

  it('runs functions in turn if asked to, also after one that fails', async () => {
    const log: string[] = [];
    const turn = inTurn();
    const slow = turn(async (name: string) => {
      log.push(`${name} begins`);
      await new Promise((resolve) => setTimeout(resolve, 5));
      log.push(`${name} ends`);
      if (name === 'a') throw new Error('no');
    });
    const quick = turn((name: string) => log.push(name));
    const [failed] = await Promise.allSettled([slow('a'), slow('b'), quick('c')]);
    expect(log).toEqual(['a begins', 'a ends', 'b begins', 'b ends', 'c']);
    expect(failed.status).toBe('rejected');
  });
});
