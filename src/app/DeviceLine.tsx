import type { ReactNode } from 'react';
import { usePage, usePageState } from './state/page-context.tsx';
import { isActive } from './state/run-state.ts';
import { deviceLine, type GpuObstacle, gpuObstacle, singleThreadNote } from './ui/device-words.ts';
import styles from './App.module.css';

const acceleration: ReactNode = (
  <li>
    In the browser’s settings, under System, switch on <em>Use graphics acceleration when available</em> and restart the
    browser.
  </li>
);

const drivers: ReactNode = (
  <li>
    Open <code>chrome://gpu</code>: the line <em>WebGPU</em> says whether WebGPU is on and, if not, why. If it names the
    graphics driver, update the driver and restart the browser.
  </li>
);

const linux: ReactNode = (
  <li>
    On Linux, Chrome may disable WebGPU: switch on <code>chrome://flags/#enable-unsafe-webgpu</code> and{' '}
    <code>chrome://flags/#enable-vulkan</code>, and install your card’s Vulkan driver (<code>vulkaninfo</code> must list
    the card).
  </li>
);

const adapterSteps: ReactNode = (
  <>
    {acceleration}
    {drivers}
    {linux}
  </>
);

/** Steps that get the graphics card to work. */
const STEPS: Readonly<Record<GpuObstacle, ReactNode>> = {
  insecure: (
    <>
      <li>
        Open the page over <code>https://</code>.
      </li>
      <li>
        If you serve it yourself, open it on the same machine as <code>http://localhost</code>; a local network name or
        address is not enough.
      </li>
    </>
  ),
  'no-webgpu': (
    <>
      <li>
        Open the page in a current version of Chrome, Edge or Firefox. Safari and other browsers with WebGPU may work
        but are not tested.
      </li>
      {acceleration}
      {linux}
    </>
  ),
  'no-adapter': adapterSteps,
  'software-adapter': adapterSteps,
};

/**
 * Before a run: the device it would use and why, and how to use the graphics card if it would not. Other tabs than _Run_
 * only say when there is no device.
 */
export function DeviceLine() {
  const found = usePageState(({ deviceFound }) => deviceFound);
  const active = usePageState(({ run }) => isActive(run.status));
  const tab = usePageState(({ view }) => view.tab);
  const { detectDevice, changeView } = usePage();
  if (active) return null;
  if (found.status === 'none') {
    const { code, message, nextStep } = found.error;
    const obstacle = {
      'gpu/unsupported': isSecureContext ? 'no-webgpu' : 'insecure',
      'gpu/no-adapter': 'no-adapter',
    } as const;
    const known = code === 'gpu/unsupported' || code === 'gpu/no-adapter' ? obstacle[code] : null;
    return (
      <div className={styles.device} data-testid="device-line" data-status="none" role="status">
        <div className="notice warn">
          <p>
            <strong>{message}</strong>{' '}
            {known === null ? nextStep : 'Choose Automatic or CPU as the device in the settings, or:'}
          </p>
          {known !== null && <ol className={styles.steps}>{STEPS[known]}</ol>}
          <button type="button" onClick={detectDevice}>
            Check again
          </button>
        </div>
      </div>
    );
  }
  if (tab !== 'run') return null;
  if (found.status === 'detecting') {
    return (
      <div className={styles.device} data-testid="device-line" data-status="detecting" role="status">
        <p>Checking what this machine can train on…</p>
      </div>
    );
  }
  const { outlook } = found;
  const obstacle = gpuObstacle(outlook, isSecureContext);
  const note = singleThreadNote(outlook, isSecureContext);
  return (
    <div className={styles.device} data-testid="device-line" data-status="known" data-kind={outlook.kind}>
      <p role="status">
        {deviceLine(outlook, isSecureContext)}
        {note !== null && <span className="muted"> {note}</span>}
      </p>
      <button
        type="button"
        className="link small"
        data-testid="device-more"
        onClick={() => changeView({ tab: 'device' })}
      >
        What it can do and how fast it is
      </button>
      {obstacle !== null && (
        <details className="more">
          <summary>How to use the graphics card</summary>
          <ol className={styles.steps}>{STEPS[obstacle]}</ol>
          <button type="button" onClick={detectDevice}>
            Check again
          </button>
        </details>
      )}
    </div>
  );
}
