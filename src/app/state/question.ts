import type { StoreOf } from './slice.ts';

/** Milliseconds without a change before a question is asked, so that typing does not ask one per letter. */
export const QUIET_MS = 500;

/** A question about the page's settings that a worker answers; a new one replaces the one before. */
interface Question {
  /** Asks once the settings stop changing, now and after every change. Returns a function that ends this. */
  readonly watch: () => () => void;
  /** Asks at once. @param isRequested whether a person wants it, so that servers may be asked too. */
  readonly now: (isRequested: boolean) => void;
  /** Cancels the question that is asked, or waits to be. */
  readonly cancel: () => void;
}

interface Asking<State> {
  /** The parts of the state that the answer depends on. */
  readonly basisOf: (state: State) => readonly unknown[];
  /** Asks. Returns a function that cancels the question, also after its answer; null if there is nothing to ask. */
  readonly ask: (isRequested: boolean) => (() => void) | null;
  /** Called when the basis has changed, before the question is asked again. */
  readonly onChange?: (state: State) => void;
}

/** Asks when the settings that an answer depends on have been quiet for {@link QUIET_MS}. */
export function createQuestion<State>(
  store: Pick<StoreOf<State>, 'getState' | 'subscribe'>,
  { basisOf, ask, onChange }: Asking<State>,
): Question {
  let giveUp: (() => void) | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;

  const cancel = (): void => {
    clearTimeout(timer);
    giveUp?.();
    giveUp = null;
  };
  const now = (isRequested: boolean): void => {
    cancel();
    giveUp = ask(isRequested);
  };
  const soon = (): void => {
    cancel();
    timer = setTimeout(() => now(false), QUIET_MS);
  };

  return {
    now,
    cancel,
    watch: () => {
      let basis = basisOf(store.getState());
      soon();
      return store.subscribe((state) => {
        const next = basisOf(state);
        if (isAlike(next, basis)) return;
        basis = next;
        soon();
        onChange?.(state);
      });
    },
  };
}

/** Whether two lists of the same length have the same parts. */
export const isAlike = (a: readonly unknown[], b: readonly unknown[]): boolean => a.every((part, i) => part === b[i]);
