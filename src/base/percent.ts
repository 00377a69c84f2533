const PERCENT = /^(\d+(?:[.,]\d+)?)\s*%$/;

/** The share that a text in percent says: 0.1 for `10 %`; null for any other text. */
export function shareIn(text: string): number | null {
  const [, number] = PERCENT.exec(text.trim()) ?? [];
  return number === undefined ? null : Number(number.replace(',', '.')) / 100;
}
