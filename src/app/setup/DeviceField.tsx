import type { DeviceChoice } from '../../base/device-choice.ts';
import { usePage, usePageState } from '../page-context.tsx';
import { Segmented } from '../ui/Segmented.tsx';
import styles from './field.module.css';
import { KeepAwake } from './KeepAwake.tsx';

const CHOICES: readonly { value: DeviceChoice; label: string }[] = [
  { value: 'auto', label: 'Automatic' },
  { value: 'gpu', label: 'GPU' },
  { value: 'cpu', label: 'CPU' },
];

/** What to train on, and whether the screen stays on. Both belong to this machine, not to a run's settings. */
export function DeviceField() {
  const { prefer } = usePage();
  const device = usePageState((state) => state.device);
  return (
    <div className={styles.block} data-testid="device-field">
      <span className={styles.label}>Device</span>
      <Segmented label="Device" options={CHOICES} value={device} onChange={(next) => prefer({ device: next })} />
      <p className={styles.help}>Automatic uses the graphics card if the browser can, otherwise the CPU.</p>
      <KeepAwake />
    </div>
  );
}
