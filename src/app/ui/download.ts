import type { Results } from '../../run/results/results.ts';

/** Name of a results file, with method and start time: `gorp-web-gorp-plus-20261124-1605.json` (UTC). */
export function resultsFileName({ settings, startedAt }: Pick<Results, 'settings' | 'startedAt'>): string {
  const stamp = startedAt.slice(0, 16).replaceAll(/[-:]/g, '').replace('T', '-');
  return `gorp-web-${settings.method.name}-${stamp}.json`;
}

/** A results file as text. */
export const resultsText = (results: Results): string => `${JSON.stringify(results, null, 1)}\n`;

/** Hands a results file to the browser's downloads. */
export const downloadResults = (results: Results): void => downloadText(resultsFileName(results), resultsText(results));

/** Hands JSON text to the browser's downloads, as a file. */
export const downloadText = (name: string, text: string): void =>
  download(new Blob([text], { type: 'application/json' }), name);

/** How long the URL of a download stays valid, in milliseconds. */
const REVOKE_MS = 60_000;

/** Hands content to the browser's downloads. */
export function download(content: Blob, name: string): void {
  const url = URL.createObjectURL(content);
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  // A busy browser reads the URL late. Revoking it earlier would lose the download.
  setTimeout(() => URL.revokeObjectURL(url), REVOKE_MS);
}
