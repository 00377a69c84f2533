import { useId } from 'react';
import type { DeviceChoice } from '../../base/device-choice.ts';
import { usePage, usePageState } from '../state/page-context.tsx';
import { Segmented } from '../ui/Segmented.tsx';

/** Whether the screen stays on during a run. It can be changed at any time. */
export function KeepAwake() {
  const { prefer } = usePage();
  const keepAwake = usePageState((state) => state.keepAwake);
  const id = useId();
  return (
    <label className="choice" htmlFor={id}>
      <input
        id={id}
        type="checkbox"
        checked={keepAwake}
        data-testid="keep-awake"
        onChange={({ target }) => prefer({ keepAwake: target.checked })}
      />
      Keep the screen on during a run
    </label>
  );
}

const CHOICES: readonly { value: DeviceChoice; label: string }[] = [
  { value: 'auto', label: 'Automatic' },
  { value: 'gpu', label: 'GPU' },
  { value: 'cpu', label: 'CPU' },
];

/** Chooses the device to train on, and whether the screen stays on. Both belong to this machine, not to a run's settings. */
export function DeviceField() {
  const { prefer } = usePage();
  const device = usePageState((state) => state.device);
  return (
    <div className="stack" data-testid="device-field">
      <span className="label">Device</span>
      <Segmented label="Device" options={CHOICES} value={device} onChange={(next) => prefer({ device: next })} />
      <p className="help">Automatic uses the graphics card if the browser can, otherwise the CPU.</p>
      <KeepAwake />
    </div>
  );
}
