import { usePage, usePageState } from '../page-context.tsx';
import { isActive } from '../run-state.ts';
import styles from './DeviceLine.module.css';
import { deviceLine, gpuObstacle, singleThreadNote } from './device-words.ts';
import { GpuHelp } from './GpuHelp.tsx';

/** Before a run: the device it would use and why, and how to use the graphics card if it would not be used. */
export function DeviceLine() {
  const found = usePageState(({ deviceFound }) => deviceFound);
  const active = usePageState(({ run }) => isActive(run.status));
  const tab = usePageState(({ view }) => view.tab);
  const { lookAgain, look } = usePage();
  if (active) return null;
  if (found.status === 'none') {
    const { code, message, nextStep } = found.error;
    const obstacle = {
      'gpu/unsupported': isSecureContext ? 'no-webgpu' : 'insecure',
      'gpu/no-adapter': 'no-adapter',
    } as const;
    const known = code === 'gpu/unsupported' || code === 'gpu/no-adapter' ? obstacle[code] : null;
    return (
      <div className={styles.line} data-testid="device-line" data-status="none" role="status">
        <div className={styles.none}>
          <p>
            <strong>{message}</strong>{' '}
            {known === null ? nextStep : 'Choose Automatic or CPU as the device in the settings, or:'}
          </p>
          {known !== null && <GpuHelp obstacle={known} />}
          <button type="button" className={styles.again} onClick={lookAgain}>
            Check again
          </button>
        </div>
      </div>
    );
  }
  if (found.status === 'looking') {
    return (
      <div className={styles.line} data-testid="device-line" data-status="looking" role="status">
        <p>Checking what this machine can train on…</p>
      </div>
    );
  }
  const { outlook } = found;
  const obstacle = gpuObstacle(outlook, isSecureContext);
  const note = singleThreadNote(outlook, isSecureContext);
  return (
    <div className={styles.line} data-testid="device-line" data-status="known" data-kind={outlook.kind}>
      <p role="status">
        {deviceLine(outlook, isSecureContext)}
        {note !== null && <span className={styles.muted}> {note}</span>}
      </p>
      {tab !== 'device' && (
        <button type="button" className={styles.more} data-testid="device-more" onClick={() => look({ tab: 'device' })}>
          What it can do and how fast it is
        </button>
      )}
      {obstacle !== null && (
        <details className={styles.help}>
          <summary>How to use the graphics card</summary>
          <GpuHelp obstacle={obstacle} />
          <button type="button" className={styles.again} onClick={lookAgain}>
            Check again
          </button>
        </details>
      )}
    </div>
  );
}
