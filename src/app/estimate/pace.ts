/** The ratio of actual to estimated time by device and model, which corrects the next estimate. */
export interface Pace {
  /** Null if no run has finished yet. */
  factor(device: string, model: string): number | null;
  note(device: string, model: string, factor: number): void;
}

const KEY = 'gorp-web-pace';
/** Maximum number of pairs of device and model stored; the oldest are dropped first. */
const MOST = 40;
/** Factors outside [LEAST, 1 / LEAST] are ignored: the computer slept, or its clock was set. */
const LEAST = 1 / 50;

const pairOf = (device: string, model: string): string => `${device} | ${model}`;

/** A pace stored in localStorage, if available. */
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
      const stored = [...read().filter(([other]) => other !== pair), [pair, factor]].slice(-MOST);
      try {
        localStorage.setItem(KEY, JSON.stringify(stored));
      } catch {
        // Storage is blocked: the next estimate stays uncorrected.
      }
    },
  };
}

const isLikely = (factor: number): boolean => factor >= LEAST && factor <= 1 / LEAST;
