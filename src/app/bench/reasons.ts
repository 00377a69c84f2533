import type { Outcome } from '../../bench/report.ts';

/** Names of the parts that were not run, by reason. */
export function reasonsOf(parts: readonly Outcome[]): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>();
  for (const part of parts) {
    if (part.status !== 'not run') continue;
    const reason = part.reason.replaceAll('`', '');
    found.set(reason, [...(found.get(reason) ?? []), part.name]);
  }
  return found;
}
