const keys = new WeakMap<object, number>();
let last = 0;

/** A React key that names an object, so that what shows another one is another component. */
export function keyOf(one: object): number {
  const known = keys.get(one);
  if (known !== undefined) return known;
  keys.set(one, ++last);
  return last;
}
