import { groupedBy } from '../../../base/statistics.ts';
import { type ReactNode, useEffect, useState } from 'react';
import { markdownBlocks } from '../../../base/markdown.ts';
import { type BenchReport, measuredName, type Outcome, reportJson, reportText } from '../../../bench/report.ts';
import { isMeasuring, type Measurement, measuringObstacle } from '../../state/device.ts';
import { usePage, usePageState } from '../../state/page-context.tsx';
import { ErrorText, PlainTable, ProgressBar, Section } from '../../ui/blocks.tsx';
import { downloadText } from '../../ui/download.ts';
import { duration, moment } from '../../ui/format.ts';
import { copied } from '../../ui/hooks.ts';
import styles from './device.module.css';

/** Copies a text to the clipboard and says whether that worked. @param text made when the button is pressed. */
function CopyText({ text, children }: { text: () => string; children: ReactNode }) {
  const [outcome, setOutcome] = useState('');
  const copy = async (): Promise<void> =>
    setOutcome((await copied(text())) ? 'Copied.' : 'The browser refused: save the file instead.');
  return (
    <>
      <button type="button" data-testid="measure-copy" onClick={() => void copy()}>
        {children}
      </button>
      <span role="status">{outcome}</span>
    </>
  );
}

/** `gorp-web-device-nvidia-rtx-3060-20261126-1720.json`: the device and the time (UTC). */
export function reportFileName({ adapter, date }: Pick<BenchReport, 'adapter' | 'date'>): string {
  const device = measuredName(adapter)
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-|-$/g, '');
  const stamp = date.slice(0, 16).replaceAll(/[-:]/g, '').replace('T', '-');
  return `gorp-web-device-${device}-${stamp}.json`;
}

/** Measures the device that a run would use, and shows, saves and copies what was found. */
export function MeasureSection() {
  const page = usePage();
  const { measurement } = usePageState(({ bench }) => bench);
  const busy = usePageState(({ bench }) => isMeasuring(bench));
  return (
    <Section
      title="Measure this device"
      note="On the device that a run would use: checks the kernels against plain references, and times products, an encoder block and steps of the embedded model, in at most a minute. Nothing is sent anywhere; you can save the numbers and share them."
      testId="measure"
    >
      <div className="buttons">
        {busy ? (
          <button type="button" data-testid="measure-stop" onClick={page.bench.stop}>
            Stop measuring
          </button>
        ) : (
          <MeasureButton isAgain={measurement !== null} />
        )}
        {measurement !== null && !busy && <Share measurement={measurement} />}
      </div>
      {measurement !== null && <Shown measurement={measurement} />}
    </Section>
  );
}

function MeasureButton({ isAgain }: { isAgain: boolean }) {
  const { bench } = usePage();
  const obstacle = usePageState(measuringObstacle);
  return (
    <>
      <button
        type="button"
        className={isAgain ? undefined : 'primary'}
        data-testid="measure-start"
        disabled={obstacle !== null}
        aria-describedby={obstacle === null ? undefined : 'measure-obstacle'}
        onClick={bench.measure}
      >
        {isAgain ? 'Measure again' : 'Measure'}
      </button>
      {obstacle !== null && (
        <p className="about" id="measure-obstacle" data-testid="measure-obstacle">
          {obstacle.message} {obstacle.nextStep}
        </p>
      )}
    </>
  );
}

function Share({ measurement: { report } }: { measurement: Measurement }) {
  if (report === null) return null;
  return (
    <>
      <button
        type="button"
        data-testid="measure-save"
        onClick={() => downloadText(reportFileName(report), reportJson(report))}
      >
        Save as JSON
      </button>
      <CopyText text={() => reportText(report)}>Copy as Markdown</CopyText>
    </>
  );
}

function Shown({ measurement }: { measurement: Measurement }) {
  const { status, report, error } = measurement;
  return (
    <div className={`stack ${styles.measurement}`} data-testid="measurement" data-status={status}>
      {(status === 'opening' || status === 'measuring') && <Progress measurement={measurement} />}
      <p role="status" className={styles.ended}>
        {ENDED[status]}
        {report !== null && status === 'done' && `${measuredName(report.adapter)}, ${moment(report.date)}.`}
      </p>
      {error !== null && (
        <div role="alert" className="notice bad">
          <ErrorText error={error} title="The measurement failed" />
        </div>
      )}
      {report !== null && <Outcomes report={report} />}
    </div>
  );
}

const ENDED: Readonly<Record<Measurement['status'], string>> = {
  opening: '',
  measuring: '',
  done: 'Measured: ',
  stopped: 'Stopped.',
  failed: '',
};

const TICK_MS = 500;

function Progress({
  measurement: { status, current, parts, report, startedAt, limitSeconds },
}: {
  measurement: Measurement;
}) {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), TICK_MS);
    return () => clearInterval(timer);
  }, []);
  const isOpening = status === 'opening';
  const seconds = isOpening ? 0 : Math.max(0, Math.min(limitSeconds, (now - startedAt) / 1e3));
  const share = isOpening ? 0 : seconds / limitSeconds;
  const runnable = parts.filter(({ omitted }) => omitted === null).length;
  const number = (report?.parts.filter(({ status: ended }) => ended !== 'not run').length ?? 0) + 1;
  const title = isOpening ? 'Opening the device' : `Part ${number} of ${runnable}: ${current ?? 'next'}`;
  const detail = isOpening ? '' : `${Math.floor(seconds)} s of at most ${limitSeconds} s`;
  return (
    <div>
      <p className={styles.current}>{title}</p>
      <ProgressBar label="Measuring" share={share} text={[title, detail].filter(Boolean).join(', ')} />
      <p className="about">{detail}</p>
    </div>
  );
}

/** Names of the parts that were not run, by reason. */
function reasonsOf(parts: readonly Outcome[]): ReadonlyMap<string, readonly string[]> {
  const missing = parts.filter((part) => part.status === 'not run');
  const byReason = groupedBy(missing, ({ reason }) => reason.replaceAll('`', ''));
  return new Map(Array.from(byReason, ([reason, of]) => [reason, of.map(({ name }) => name)]));
}

/** How each part ended; parts that were not run are named at the end with the reason. */
function Outcomes({ report: { parts } }: { report: BenchReport }) {
  return (
    <>
      <ol className={styles.outcomes}>
        {parts.map((outcome) =>
          outcome.status === 'not run' ? null : (
            <li key={outcome.name} data-testid="outcome" data-status={outcome.status}>
              {outcome.status === 'measured' ? (
                <Measured outcome={outcome} />
              ) : (
                <div role="alert" className="notice bad">
                  <ErrorText error={outcome.error} title={`Failed: ${outcome.name}`} />
                </div>
              )}
            </li>
          ),
        )}
      </ol>
      {[...reasonsOf(parts)].map(([reason, names]) => (
        <details key={reason} className="small" data-testid="not-run">
          <summary>
            <span className={styles.name}>Not run: {names.length === 1 ? names[0] : `${names.length} parts`}</span>{' '}
            <span>{reason}</span>
          </summary>
          <ul className="bullets muted">
            {names.map((name) => (
              <li key={name}>{name}</li>
            ))}
          </ul>
        </details>
      ))}
    </>
  );
}

function Measured({ outcome }: { outcome: Extract<Outcome, { status: 'measured' }> }) {
  const { name, headline, text, seconds } = outcome;
  return (
    <details className="small">
      <summary>
        <span className={styles.name}>{name}</span> <span>{headline}</span>
      </summary>
      {markdownBlocks(text).map((block, i) =>
        block.kind === 'paragraph' ? (
          <p key={i} className="about">
            {block.text}
          </p>
        ) : (
          <PlainTable
            key={i}
            label={name}
            head={block.head}
            rows={block.rows.map((row) => row.map((cell) => cell.replaceAll('**', '')))}
            box="box spaced"
          />
        ),
      )}
      <p className="about">Took {duration(seconds)}.</p>
    </details>
  );
}
