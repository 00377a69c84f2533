import { reportOf } from '../../base/errors.ts';
import { tokenizerTooSlow } from '../../base/tokenizer-guard.ts';
import type { TryEvent, TryMessage } from '../../worker/try/messages.ts';
import { TOKENIZER_SECONDS } from '../watched-session.ts';

/** Receives every message of the worker that tries models. */
export interface TokenizerWatch {
  readonly hear: (message: TryMessage) => void;
  /** To be called once the worker has ended. */
  readonly rest: () => void;
}

/**
 * Ends the worker that tries models if its tokenizer takes too long on a text. Meanwhile the worker receives no messages,
 * so it cannot stop by itself.
 *
 * @param tell receives the worker's other messages, and its end.
 * @param end ends the worker.
 */
export function watchTokenizer(tell: (event: TryEvent) => void, end: () => void): TokenizerWatch {
  let timer: ReturnType<typeof setInterval> | undefined;
  const rest = (): void => clearInterval(timer);
  const hear = (message: TryMessage): void => {
    rest();
    if (message.type === 'tokenized') return;
    if (message.type !== 'tokenizing') {
      tell(message);
      return;
    }
    // Counts seconds one by one: a machine that slept has missed the others.
    let seconds = 0;
    timer = setInterval(() => {
      if (++seconds < TOKENIZER_SECONDS) return;
      rest();
      end();
      tell({ type: 'ended', error: reportOf(tokenizerTooSlow(message.model, TOKENIZER_SECONDS)) });
    }, 1000);
  };
  return { hear, rest };
}
