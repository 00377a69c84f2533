/** Where the queue is stored, and which tab runs it. */
export interface QueuePlace {
  /** The queue as last written by any tab; null if there is none. */
  read(): unknown;
  /** @returns whether it is stored; not if storage is blocked or full. */
  write(queue: unknown): boolean;
  /** Calls back once this tab runs the queue: at once, or after the tab that ran it has closed. */
  own(onOwn: () => void): void;
  /** Calls back when another tab has written. */
  watch(onChange: () => void): void;
}

const KEY = 'gorp-web-queue';

/** The queue in localStorage, which writes before the page can close. A browser lock picks the tab that runs it. */
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
        return true;
      } catch {
        return false;
      }
    },
    own: (onOwn) => {
      // Only secure pages have locks; elsewhere every tab runs the queue.
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
