/** Where the queue is kept, and who works on it. */
export interface QueuePlace {
  /** What was kept last, by whichever tab; null where there is nothing. */
  read(): unknown;
  write(queue: unknown): void;
  /** Calls back once this tab is the one that works on the queue: at once, or when the other tab has been closed. */
  own(onOwn: () => void): void;
  /** Calls back when another tab has written. */
  watch(onChange: () => void): void;
}

const KEY = 'gorp-web-queue';

/** Kept in localStorage: written before the page can be left. One tab works on it, told by a lock of the browser. */
export function browserQueue(): QueuePlace {
  return {
    read: () => {
      try {
        return JSON.parse(localStorage.getItem(KEY) ?? 'null') as unknown;
      } catch {
        return null; // storage is blocked, or holds something else
      }
    },
    write: (queue) => {
      try {
        localStorage.setItem(KEY, JSON.stringify(queue));
      } catch {
        // Storage is blocked or full: the queue lasts until the page is closed.
      }
    },
    own: (onOwn) => {
      // Only secure pages have locks; on others every tab works on its queue.
      if (!('locks' in navigator)) {
        onOwn();
        return;
      }
      const never = new Promise<never>(() => undefined);
      void navigator.locks.request(KEY, () => {
        onOwn();
        return never;
      });
    },
    watch: (onChange) => {
      window.addEventListener('storage', ({ key }) => {
        if (key === KEY) onChange();
      });
    },
  };
}
