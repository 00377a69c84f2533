import { createContext, Script } from 'node:vm';
import { type TokenizerGuard, tokenizerTooSlow } from '../base/tokenizer-config.ts';

/** Less than the time a run has to stop, so that Ctrl-C works: the thread cannot react while it tokenises a text. */
const TOKENIZER_SECONDS = 4;

/** Work that is given up has computed for at least this share of the time. */
const LEAST_SHARE = 1 / 4;

/** Seconds for which this process has computed. */
function computed(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

const script = new Script('work()');

/**
 * Ends work on a text that takes too long. Only Node's `vm` can do this within a thread. Repeats the work if the machine
 * slept meanwhile, so it must have no effect but its result.
 *
 * @param model as the settings name it.
 * @throws GorpError `text/tokenizer-too-slow`, and what the work throws.
 */
export function nodeTokenizerGuard(model: string, seconds = TOKENIZER_SECONDS): TokenizerGuard {
  // One for all texts: creating a context takes longer than most texts.
  const context: { work?: () => unknown } = {};
  createContext(context);
  return <T>(work: () => T): T => {
    context.work = work;
    const begun = computed();
    for (;;) {
      try {
        return script.runInContext(context, { timeout: 1000 * seconds }) as T;
      } catch (thrown) {
        if ((thrown as Partial<NodeJS.ErrnoException>).code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw thrown;
        // Some systems count the time in which the machine sleeps: then the work has hardly begun. All tries count together.
        if (computed() - begun > LEAST_SHARE * seconds) throw tokenizerTooSlow(model, seconds);
      }
    }
  };
}
