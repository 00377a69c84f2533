const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const;

/** Bytes in binary units, with three digits: 45_088_768 → `43.0 MiB`. */
export function formatBytes(count: number): string {
  let value = count;
  let unit = 0;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  const text = unit === 0 || value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
  return `${text} ${UNITS[unit]}`;
}

const PERCENT = /^(\d+(?:[.,]\d+)?)\s*%$/;

/** The share that a text in percent says: 0.1 for `10 %`; null for any other text. */
export function shareIn(text: string): number | null {
  const [, number] = PERCENT.exec(text.trim()) ?? [];
  return number === undefined ? null : Number(number.replace(',', '.')) / 100;
}
