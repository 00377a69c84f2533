import type { QueuePlace } from '../queue/queue-place.ts';

/** A queue that lasts as long as the page. @param kept the queue of an earlier visit. */
export function memoryQueue(kept: unknown = null): QueuePlace {
  let queue = kept;
  return {
    read: () => queue,
    write: (next) => (queue = structuredClone(next)),
    own: (onOwn) => onOwn(),
    watch: () => undefined,
  };
}
