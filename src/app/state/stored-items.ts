/** The storage of the browser, which the next tab reads too, or that of this tab, which survives a reload. */
type Place = 'localStorage' | 'sessionStorage';

/** The text stored under a key; null if there is none, or if storage is blocked. */
export function readItem(key: string, place: Place = 'localStorage'): string | null {
  try {
    return globalThis[place].getItem(key);
  } catch {
    return null;
  }
}

/** A stored text as JSON; undefined if it is something else. */
export function jsonOf(text: string | null): unknown {
  try {
    return JSON.parse(text ?? 'null') as unknown;
  } catch {
    return undefined;
  }
}

/** Stores a text under a key; null removes it. @returns whether it is stored; not if storage is blocked or full. */
export function writeItem(key: string, text: string | null, place: Place = 'localStorage'): boolean {
  try {
    if (text === null) globalThis[place].removeItem(key);
    else globalThis[place].setItem(key, text);
    return true;
  } catch {
    return false;
  }
}
