import { formatBytes } from '../../base/units.ts';

/** Numbers as the page writes them. One locale, so that columns and tests agree. */

/** Shown for a missing value: an en dash, never 0. */
export const NONE = '–';

const MINUS = '\u2212';
const integers = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });

/** A fraction in percent without the sign, one decimal: 0.787 → `78.7`. */
export const percent = (share: number | null): string =>
  share === null ? NONE : (share * 100).toFixed(1).replace('-', MINUS);

/** A difference of fractions in points, always signed: −0.367 → `−36.7`. */
export function points(difference: number | null): string {
  if (difference === null) return NONE;
  const text = Math.abs(difference * 100).toFixed(1);
  if (text === '0.0') return '±0.0';
  return `${difference < 0 ? MINUS : '+'}${text}`;
}

/** A whole number with separators: 12345.6 → `12,346`. */
export const whole = (value: number | null): string => (value === null ? NONE : integers.format(value));

/** Three significant digits without an exponent where that is readable: a loss, a norm. */
export function significant(value: number | null): string {
  if (value === null || !Number.isFinite(value)) return NONE;
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e6)) return value.toExponential(2);
  return value.toPrecision(3).includes('e') ? integers.format(value) : value.toPrecision(3);
}

/** Bytes as {@link formatBytes} writes them. */
export const bytes = (count: number | null): string => (count === null ? NONE : formatBytes(count));

/** Seconds in the two largest units that matter: 130 → `2 min 10 s`. */
export function duration(seconds: number | null): string {
  if (seconds === null || !Number.isFinite(seconds)) return NONE;
  const total = Math.max(0, Math.round(seconds));
  if (total < 60) return `${total} s`;
  const minutes = Math.floor(total / 60);
  if (minutes < 60) return `${minutes} min ${String(total % 60).padStart(2, '0')} s`;
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, '0')} min`;
}

/** Date and time of an ISO string in local time: `2026-11-24 16:05`. */
export function moment(iso: string): string {
  const date = new Date(iso);
  if (Number.isNaN(date.getTime())) return NONE;
  const two = (value: number): string => String(value).padStart(2, '0');
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}`;
}
