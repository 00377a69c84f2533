import type { ReactNode } from 'react';
import styles from './Notices.module.css';
import { usePage } from './page-context.tsx';
import type { Obstacle } from './support.ts';

const TITLES: Record<Obstacle, string> = {
  insecure: 'WebGPU is switched off on this address',
  'no-webgpu': 'This browser has no WebGPU',
  'no-adapter': 'WebGPU is there, but it found no graphics adapter',
};

const CAUSES: Record<Obstacle, string> = {
  insecure: 'Browsers offer WebGPU to pages loaded over https or from this machine only.',
  'no-webgpu': 'gorp-web trains on the graphics processor, which a page reaches through WebGPU.',
  'no-adapter':
    'The browser may not use the graphics processor, or its driver is on the browser’s list of blocked ones.',
};

/** What to do where training cannot run. */
export function NoWebGpu({ obstacle }: { obstacle: Obstacle }) {
  const { load } = usePage();
  return (
    <section className={styles.help} data-testid="no-webgpu" data-obstacle={obstacle}>
      <h2>{TITLES[obstacle]}</h2>
      <p>{CAUSES[obstacle]}</p>
      <ol className={styles.steps}>{STEPS[obstacle]}</ol>
      <button type="button" className={styles.again} onClick={() => void load()}>
        Look again
      </button>
    </section>
  );
}

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

const software: ReactNode = (
  <li>
    Without a graphics processor, start Chrome with <code>--enable-unsafe-webgpu --use-webgpu-adapter=swiftshader</code>
    : it then computes on the CPU, slowly. Choose the Quick preset there.
  </li>
);

const STEPS: Record<Obstacle, ReactNode> = {
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
        Open the page in Chrome or Edge, version 121 or newer: <code>chrome://version</code> tells which you have. Other
        browsers with WebGPU may work; they are not tested.
      </li>
      <li>
        In the browser’s settings, under System, switch on <em>Use graphics acceleration when available</em> and
        restart.
      </li>
      {linux}
      {software}
    </>
  ),
  'no-adapter': (
    <>
      <li>
        In the browser’s settings, under System, switch on <em>Use graphics acceleration when available</em> and
        restart.
      </li>
      {drivers}
      {linux}
      {software}
    </>
  ),
};
