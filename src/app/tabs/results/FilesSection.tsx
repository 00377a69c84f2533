import { Suspense, useEffect, useId, useState } from 'react';
import { GGUF_DTYPES, GGUF_WORDS, type GgufDtype } from '../../../gguf/dtypes.ts';
import { methodTitle } from '../../../methods/registry.ts';
import { DTYPE_WORDS, ONNX_DTYPES, type OnnxDtype } from '../../../onnx/dtypes.ts';
import type { StoredRound } from '../../../worker/protocol.ts';
import { usePage, usePageState } from '../../state/page-context.tsx';
import { isActive } from '../../state/run-state.ts';
import { useStoredRounds, useStoredState } from '../../state/saved-rounds.ts';
import { ErrorText } from '../../ui/errors.tsx';
import { bytes } from '../../ui/format.ts';
import { lazyPart } from '../../ui/lazy-part.tsx';
import { Section } from '../../ui/Section.tsx';
import styles from './FilesSection.module.css';
import { RunModels } from './RunModels.tsx';

interface Props<Dtype extends string> {
  /** `onnx` or `gguf`, for tests. */
  id: string;
  title: string;
  /** Of the menu of weight formats. */
  label: string;
  words: Readonly<Record<Dtype, string>>;
  options: readonly Dtype[];
  isDisabled: boolean;
  dtype: Dtype;
  choose: (dtype: Dtype) => void;
  save: () => void;
}

/** Exports the merged model in a format, with the chosen weight format. */
function ExportButton<Dtype extends string>(props: Props<Dtype>) {
  const { id, title, label, words, options, isDisabled, dtype, choose, save } = props;
  const menu = useId();
  return (
    <>
      <button
        type="button"
        className={styles.button}
        data-testid={`download-${id}`}
        disabled={isDisabled}
        onClick={save}
      >
        {title}
      </button>
      <label className="hidden-visually" htmlFor={menu}>
        {label}
      </label>
      <select
        id={menu}
        className={styles.button}
        data-testid={`${id}-dtype`}
        disabled={isDisabled}
        value={dtype}
        onChange={({ target }) => choose(options.find((one) => one === target.value) ?? options[0])}
      >
        {options.map((one) => (
          <option key={one} value={one}>
            {words[one]}
          </option>
        ))}
      </select>
    </>
  );
}

/** Loaded only when there is a model to use, to speed up the first page load. */
const UseModel = lazyPart(() => import('./UseModel.tsx'));

/** Files of the last run besides its results, to download or to resume from. */
export function FilesSection() {
  const stored = useStoredRounds();
  const page = usePage();
  const { rounds: listed, folder, isAsked, last, broken, writing, problem } = useStoredState((state) => state);
  const run = usePageState((state) => state.run.results?.id ?? null);
  const status = usePageState(({ run }) => run.status);
  const access = usePageState((state) => state.access);
  const active = isActive(status);
  const endedAs = status === 'failed' || status === 'stopped' ? status : null;
  const [dtype, setDtype] = useState<OnnxDtype>('f32');
  const [ggufDtype, setGgufDtype] = useState<GgufDtype>('f16');
  const picker = useId();
  const isPaused = status === 'paused';
  // Rounds are saved during a run, but listed only when it waits, perhaps for room, or has ended.
  useEffect(() => {
    if (!active || isPaused) stored.refresh(run);
  }, [active, isPaused, run, stored]);
  const rounds = listed ?? [];
  const busy = active || writing !== null;
  return (
    <Section title="Files of a run" note="Stored in this browser until you remove them below." testId="files">
      {listed !== null ? (
        <Listed rounds={listed} ended={endedAs} />
      ) : (
        problem === null && (
          <p className={styles.about}>{active ? 'Listed once the run has ended.' : 'Looking for files…'}</p>
        )
      )}
      {!isAsked && rounds.length > 0 && (
        <p className={styles.about} data-testid="other-model">
          The run on the page has no model in this browser. These files are of another run
          {last && `, ${methodTitle(last.settings.method)}`}.
        </p>
      )}
      {broken.length > 0 && (
        <p className={styles.problem} data-testid="broken-rounds">
          The files of {broken.join(', ')} cannot be used: parts are missing or come from another version. They can
          still be downloaded.
        </p>
      )}
      <div className={styles.buttons}>
        <button
          type="button"
          className={styles.button}
          data-testid="download-files"
          disabled={busy || rounds.length === 0}
          onClick={() => void stored.save({ what: 'zip' }, access)}
        >
          Result files, adapter, space (zip)
        </button>
        <ExportButton
          id="onnx"
          title="ONNX model (zip)"
          label="Weights of the ONNX model"
          words={DTYPE_WORDS}
          options={ONNX_DTYPES}
          isDisabled={busy || last === null}
          dtype={dtype}
          choose={setDtype}
          save={() => void stored.save({ what: 'onnx', dtype }, access)}
        />
        <ExportButton
          id="gguf"
          title="GGUF model (zip)"
          label="Weights of the GGUF model"
          words={GGUF_WORDS}
          options={GGUF_DTYPES}
          isDisabled={busy || last === null}
          dtype={ggufDtype}
          choose={setGgufDtype}
          save={() => void stored.save({ what: 'gguf', dtype: ggufDtype }, access)}
        />
        {last?.use.isDecoderOnly === true && last.use.hasAdapter && !last.use.hasWeights && !last.use.hasGates && (
          <button
            type="button"
            className={styles.button}
            data-testid="download-gguf-adapter"
            disabled={busy}
            onClick={() => void stored.save({ what: 'gguf-adapter' }, access)}
          >
            GGUF adapter (zip)
          </button>
        )}
        <button
          type="button"
          className={styles.button}
          data-testid="resume-round"
          disabled={busy || last === null}
          onClick={() => last !== null && folder !== null && page.resumeFrom({ ...last, folder })}
        >
          {last === null ? 'Resume from a round' : `Resume after round ${last.round}`}
        </button>
        <label className={styles.button} data-disabled={busy} htmlFor={picker}>
          Load a round’s folder…
        </label>
        <input
          id={picker}
          className="hidden-visually"
          type="file"
          multiple
          disabled={busy}
          data-testid="load-round"
          {...{ webkitdirectory: '' }}
          onChange={({ target }) => {
            const files = [...(target.files ?? [])];
            target.value = '';
            if (files.length > 0) stored.take(files);
          }}
        />
      </div>
      <label className={styles.choice}>
        <input
          type="checkbox"
          data-testid="keep-every-round"
          checked={usePageState((state) => state.everyRound)}
          disabled={active}
          onChange={({ target }) => page.saveEveryRound(target.checked)}
        />
        <span>
          In the next run, save adapter, weights and space of every round, not just the last, so that <em>Try it</em>{' '}
          can ask each one
        </span>
      </label>
      <RunModels isBusy={busy} canRemove={writing === null && (!active || isPaused)} />
      <p className={styles.about} role="status" data-testid="files-status">
        {writing !== null &&
          (writing.what === 'import' ? 'Reading the folder…' : `Writing… ${bytes(writing.bytes)} so far`)}
      </p>
      {problem !== null && (
        <div className={styles.problem} role="alert">
          <ErrorText error={problem} />
        </div>
      )}
      {last !== null && (
        <Suspense fallback={<div className={styles.room} />}>
          <UseModel last={last} dtypes={{ onnx: dtype, gguf: ggufDtype }} />
        </Suspense>
      )}
    </Section>
  );
}

/** What is stored. @param ended how the run on the page ended, if it did not finish. */
function Listed({ rounds, ended }: { rounds: readonly StoredRound[]; ended: 'failed' | 'stopped' | null }) {
  if (rounds.length === 0) {
    return (
      <p className={styles.about}>
        {ended === null
          ? 'None yet.'
          : `None: the run ${ended === 'failed' ? 'failed' : 'was stopped'} before its first round was saved.`}{' '}
        Each round writes result files in the format of the paper’s code, the adapter (PEFT), full-rank weight changes
        and the shared space.
      </p>
    );
  }
  const withWeights = rounds.filter(({ hasWeights }) => hasWeights).map(({ name }) => name);
  return (
    <p className={styles.about} data-testid="kept-rounds">
      {rounds.length === 1 ? '1 round' : `${rounds.length} rounds`} (
      {bytes(rounds.reduce((sum, round) => sum + round.bytes, 0))}): {rounds.map(({ name }) => name).join(', ')}.
      {withWeights.length > 0 && ` Adapter, weights and space of ${withWeights.join(', ')}.`}
    </p>
  );
}
