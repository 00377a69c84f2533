import { createContext, Script } from 'node:vm';
import { type TokenizerGuard, tokenizerTooSlow } from '../base/tokenizer-guard.ts';

/** Less than the time a run has to stop, so that Ctrl-C works: the thread cannot react while it tokenises a text. */
export const TOKENIZER_SECONDS = 4;

const script = new Script('work()');

/**
 * Ends work on a text that takes too long. Only Node's `vm` can do this within a thread.
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
    try {
      return script.runInContext(context, { timeout: 1000 * seconds }) as T;
    } catch (thrown) {
      const { code } = thrown as Partial<NodeJS.ErrnoException>;
      throw code === 'ERR_SCRIPT_EXECUTION_TIMEOUT' ? tokenizerTooSlow(model, seconds) : thrown;
    }
  };
}
