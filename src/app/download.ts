import type { Results } from '../run/results.ts';

/** Name of a results file, with method and start: `gorp-web-gorp-plus-20261124-1605.json` (UTC). */
export function resultsFileName({ settings, startedAt }: Pick<Results, 'settings' | 'startedAt'>): string {
  const stamp = startedAt.slice(0, 16).replaceAll(/[-:]/g, '').replace('T', '-');
  return `gorp-web-${settings.method.name}-${stamp}.json`;
}

/** Hands a results file to the browser's downloads. */
export function downloadResults(results: Results): void {
  const url = URL.createObjectURL(new Blob([`${JSON.stringify(results, null, 1)}\n`], { type: 'application/json' }));
  const link = document.createElement('a');
  link.href = url;
  link.download = resultsFileName(results);
  link.click();
  // The browser has read the address by the next task; revoked at once, some lose the download.
  setTimeout(() => URL.revokeObjectURL(url), 0);
}
