import type { ReactNode } from 'react';
import type { GpuObstacle } from './device-words.ts';
import styles from './DeviceLine.module.css';

/** How to get the graphics card to work. */
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
    Open <code>chrome://gpu</code>: the line <em>WebGPU</em> says whether it is on and why not. Update the graphics
    driver if it names the driver, then restart the browser.
  </li>
);

const linux: ReactNode = (
  <li>
    On Linux, Chrome may keep WebGPU off: switch on <code>chrome://flags/#enable-unsafe-webgpu</code> and{' '}
    <code>chrome://flags/#enable-vulkan</code>, and install the Vulkan driver of your card (<code>vulkaninfo</code> must
    list it).
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
        If you serve it yourself, open it on the same machine as <code>http://localhost</code>; a name or an address of
        the local network is not enough.
      </li>
    </>
  ),
  'no-webgpu': (
    <>
      <li>
        Open the page in a current version of Chrome, Edge or Firefox. Safari and other browsers with WebGPU may work;
        they are not tested.
      </li>
      {acceleration}
      {linux}
    </>
  ),
  'no-adapter': adapterSteps,
  'software-adapter': adapterSteps,
};
