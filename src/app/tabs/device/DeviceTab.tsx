import { useEffect } from 'react';
import type { Abilities } from '../../../worker/protocol.ts';
import { usePage, usePageState } from '../../state/page-context.tsx';
import { ErrorText, Section } from '../../ui/blocks.tsx';
import { deviceName } from '../../ui/device-words.ts';
import { bytes, whole } from '../../ui/format.ts';
import styles from './device.module.css';
import { MeasureSection } from './MeasureSection.tsx';

/** Shows the devices of this machine, what they can train, and how fast they are. */
export function DeviceTab() {
  const { bench } = usePage();
  // The page looks again after a driver or a browser setting has changed.
  const isDetecting = usePageState(({ deviceFound }) => deviceFound.status === 'detecting');
  useEffect(() => bench.describe(), [bench, isDetecting]);
  return (
    <div className="sections">
      <MeasureSection />
      <AbilitiesSections />
    </div>
  );
}

function AbilitiesSections() {
  const { bench } = usePage();
  const { abilities, abilitiesProblem } = usePageState((state) => state.bench);
  if (abilitiesProblem !== null && abilities === null) {
    return (
      <div role="alert" className="notice bad">
        <ErrorText error={abilitiesProblem} title="What the device can do is unknown" />
        <button type="button" onClick={bench.describe}>
          Check again
        </button>
      </div>
    );
  }
  if (abilities === null) return <p className="about">Reading what the device can do…</p>;
  const { adapter, noAdapter } = abilities;
  return (
    <>
      <Section
        title={adapter === null ? 'No graphics adapter' : deviceName(adapter)}
        note={
          adapter === null ? undefined : 'What the browser reports of the graphics adapter, and what follows from it.'
        }
        testId="adapter-facts"
      >
        {adapter !== null && <Facts caption="Graphics adapter" facts={adapterFacts(adapter)} />}
        {noAdapter !== null && (
          <p className="about">
            {noAdapter.message} {noAdapter.nextStep}
          </p>
        )}
        {adapter !== null && adapter.features.length > 0 && (
          <details className="more muted">
            <summary>All {adapter.features.length} features</summary>
            <p>{adapter.features.join(', ')}</p>
          </details>
        )}
      </Section>
      <Section title="CPU, by WebAssembly" testId="cpu-facts">
        <Facts caption="CPU" facts={cpuFacts(abilities, isSecureContext)} />
      </Section>
      <Section title="Browser" testId="browser-facts">
        <Facts caption="Browser" facts={browserFacts(browserParts())} />
      </Section>
    </>
  );
}

/** Facts in a table; on a narrow screen each is a paragraph. */
function Facts({ caption, facts }: { caption: string; facts: readonly Fact[] }) {
  return (
    <table className={`table ${styles.facts}`}>
      <caption className="hidden-visually">{caption}</caption>
      <thead className="hidden-visually">
        <tr>
          <th scope="col">What</th>
          <th scope="col">Here</th>
          <th scope="col">What follows</th>
        </tr>
      </thead>
      <tbody>
        {facts.map(({ name, value, follows }) => (
          <tr key={name}>
            <th scope="row">{name}</th>
            <td className={styles.value}>{value}</td>
            <td className="muted">{follows}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** The parts of the browser that the page found. */
const browserParts = () => ({
  webgpu: 'gpu' in navigator,
  privateFiles: 'storage' in navigator && 'getDirectory' in navigator.storage,
  filePicker: 'showSaveFilePicker' in globalThis,
  wakeLock: 'wakeLock' in navigator,
});

/** A fact about the device, and what follows from it. */
export interface Fact {
  readonly name: string;
  readonly value: string;
  readonly follows: string;
}

type Adapter = NonNullable<Abilities['adapter']>;

const FLOAT_BYTES = 4;

/** Describes a graphics adapter and its abilities. */
export function adapterFacts(adapter: Adapter): Fact[] {
  const { software, vendor, architecture, limits, features, storageBuffers } = adapter;
  const has = (feature: string): boolean => features.includes(feature);
  const limit = (name: string): number => limits[name] ?? 0;
  const buffer = Math.min(limit('maxBufferSize'), limit('maxStorageBufferBindingSize'));
  return [
    {
      name: 'Kind',
      value: software ? 'Software: the CPU computes' : 'Graphics card',
      follows: software
        ? 'WebAssembly is faster, so a run uses this adapter only if you choose GPU as the device.'
        : 'A run uses it unless you choose CPU as the device.',
    },
    {
      name: 'Vendor and architecture',
      value: [vendor, architecture].filter(Boolean).join(', ') || 'not reported',
      follows: 'Nothing: kernels are chosen by measuring them here, not by name.',
    },
    {
      name: '16-bit floats (shader-f16)',
      value: yes(has('shader-f16')),
      follows: has('shader-f16')
        ? 'The setting Products can be f16: less exact, and faster on most cards.'
        : 'The setting Products must stay at f32.',
    },
    {
      name: 'Timestamps (timestamp-query)',
      value: yes(has('timestamp-query')),
      follows: has('timestamp-query')
        ? 'Kernels are timed by the device’s own clock.'
        : 'Kernels are timed from outside, so choosing them takes longer.',
    },
    {
      name: 'Largest buffer',
      value: bytes(buffer),
      follows: `A matrix can have up to ${whole(Math.floor(buffer / FLOAT_BYTES / 1e6))} million numbers in f32.`,
    },
    {
      name: 'Storage buffers of a kernel',
      value: whole(storageBuffers),
      follows: 'Kernels need 8, which every adapter has.',
    },
    {
      name: 'Workgroup memory',
      value: bytes(limit('maxComputeWorkgroupStorageSize')),
      follows: 'Kernels need at most 16 KiB, which every adapter has.',
    },
    {
      name: 'Threads of a workgroup',
      value: whole(limit('maxComputeInvocationsPerWorkgroup')),
      follows: 'Kernels start at most 256, which every adapter has.',
    },
  ];
}

/** Describes the abilities of WebAssembly here. @param isSecure whether the page is in a secure context. */
export function cpuFacts({ cpu }: Abilities, isSecure: boolean): Fact[] {
  if (cpu === null) {
    return [{ name: 'WebAssembly SIMD', value: 'no', follows: 'Nothing can be trained on the CPU in this browser.' }];
  }
  return [
    {
      name: 'Threads',
      value: whole(cpu.threads),
      follows: cpu.shared
        ? 'Kernels are divided among them; the results are the same to the last bit.'
        : `Memory cannot be shared: ${isSecure ? 'the server does not send the headers COOP and COEP' : 'the page is not loaded over https or from this machine'}.`,
    },
    {
      name: 'Fused multiply-add (relaxed SIMD)',
      value: yes(cpu.relaxed),
      follows: cpu.relaxed ? 'Products use it.' : 'Products take about 1.4 times as long.',
    },
    { name: 'Memory', value: 'at most 4 GiB', follows: 'A model that needs more does not fit on this device.' },
  ];
}

/** Describes the abilities of the browser besides a device. */
export function browserFacts(parts: ReturnType<typeof browserParts>): Fact[] {
  const { webgpu, privateFiles, filePicker, wakeLock } = parts;
  return [
    {
      name: 'WebGPU',
      value: yes(webgpu),
      follows: webgpu ? 'The browser may use a graphics card, if it finds one.' : 'Only the CPU can be used.',
    },
    {
      name: 'Private files',
      value: yes(privateFiles),
      follows: privateFiles
        ? 'Models and checkpoints are saved in this browser.'
        : 'Neither models nor checkpoints can be saved: a run that is interrupted is lost.',
    },
    {
      name: 'Saving to a chosen file',
      value: yes(filePicker),
      follows: filePicker
        ? 'Large results are written straight to disk.'
        : 'Large results go through the browser’s downloads, which takes room twice.',
    },
    {
      name: 'Keeping the screen on',
      value: yes(wakeLock),
      follows: wakeLock
        ? 'The machine does not fall asleep during a run.'
        : 'The machine may fall asleep during a run: change its energy settings for long ones.',
    },
  ];
}

const yes = (has: boolean): string => (has ? 'yes' : 'no');
