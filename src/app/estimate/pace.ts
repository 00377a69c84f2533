/** How much longer runs took than was estimated, by device and model: it refines the next estimate. */
export interface Pace {
  /** 1 where no run has finished yet. */
  factor(device: string, model: string): number | null;
  note(device: string, model: string, factor: number): void;
}

const KEY = 'gorp-web-pace';
/** Most pairs of device and model that are kept; the oldest go first. */
const MOST = 40;
/** A factor beyond this says that something else was measured: a computer that slept, a clock that was set. */
const LEAST = 1 / 50;

const pairOf = (device: string, model: string): string => `${device} | ${model}`;

/** Kept in localStorage, where there is one. */
export function browserPace(): Pace {
  const read = (): [string, number][] => {
    try {
      const stored: unknown = JSON.parse(localStorage.getItem(KEY) ?? '[]');
      if (!Array.isArray(stored)) return [];
      return stored.filter(
        (one): one is [string, number] =>
          Array.isArray(one) && typeof one[0] === 'string' && typeof one[1] === 'number' && isLikely(one[1]),
      );
    } catch {
      return []; // storage is blocked, or holds something else
    }
  };
  return {
    factor: (device, model) => read().find(([pair]) => pair === pairOf(device, model))?.[1] ?? null,
    note: (device, model, factor) => {
      if (!isLikely(factor)) return;
      const pair = pairOf(device, model);
      const kept = [...read().filter(([other]) => other !== pair), [pair, factor]].slice(-MOST);
      try {
        localStorage.setItem(KEY, JSON.stringify(kept));
      } catch {
        // Storage is blocked: the next estimate is as good as this one.
      }
    },
  };
}

const isLikely = (factor: number): boolean => factor >= LEAST && factor <= 1 / LEAST;
