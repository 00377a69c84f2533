import { type BenchReport, measuredName } from '../../bench/report.ts';

/** `gorp-web-device-nvidia-rtx-3060-20261126-1720.json`: the device and the time (UTC). */
export function reportFileName({ adapter, date }: Pick<BenchReport, 'adapter' | 'date'>): string {
  const device = measuredName(adapter)
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-|-$/g, '');
  const stamp = date.slice(0, 16).replaceAll(/[-:]/g, '').replace('T', '-');
  return `gorp-web-device-${device}-${stamp}.json`;
}
