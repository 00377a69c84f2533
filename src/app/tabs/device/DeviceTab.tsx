import { useEffect } from 'react';
import { ErrorText } from '../../ui/errors.tsx';
import { deviceName } from '../../ui/device-words.ts';
import { usePage, usePageState } from '../../state/page-context.tsx';
import { Section } from '../../ui/Section.tsx';
import { adapterFacts, browserFacts, cpuFacts, type Fact } from './abilities-words.ts';
import { MeasureSection } from './MeasureSection.tsx';
import styles from './device.module.css';

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

const browserParts = () => ({
  webgpu: 'gpu' in navigator,
  privateFiles: 'storage' in navigator && 'getDirectory' in navigator.storage,
  filePicker: 'showSaveFilePicker' in globalThis,
  wakeLock: 'wakeLock' in navigator,
});
