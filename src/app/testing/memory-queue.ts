import type { QueueStorage } from '../state/queue.ts';

/** A queue that lasts as long as the page. @param stored the queue of an earlier visit. */
export function memoryQueue(stored: unknown = null): QueueStorage {
  let queue = stored;
  return {
    read: () => queue,
    write: (next) => {
      queue = structuredClone(next);
      return true;
    },
    own: (onOwn) => onOwn(),
    watch: () => undefined,
  };
}
