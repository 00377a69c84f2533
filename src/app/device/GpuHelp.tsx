import type { ReactNode } from 'react';
import type { GpuObstacle } from './device-words.ts';
import styles from './DeviceLine.module.css';

/** Steps that get the graphics card to work. */
export function GpuHelp({ obstacle }: { obstacle: GpuObstacle }) {
  return <ol className={styles.steps}>{STEPS[obstacle]}</ol>;
}

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
