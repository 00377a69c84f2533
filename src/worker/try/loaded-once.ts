/** Returns a function that loads what a key names once. What could not be loaded is loaded again when it is next asked for. */
export function loadedOnce<Key, Loaded>(load: (key: Key) => Promise<Loaded>): (key: Key) => Promise<Loaded> {
  const loads = new Map<Key, Promise<Loaded>>();
  return (key) => {
    const known = loads.get(key);
    if (known !== undefined) return known;
    const loading = load(key);
    loads.set(key, loading);
    loading.catch(() => loads.delete(key));
    return loading;
  };
}
