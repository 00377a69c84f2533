import { Fragment, useState } from 'react';
import { GGUF_DTYPES, GGUF_WORDS, type GgufDtype, sameAnswersText } from '../../../gguf/names.ts';
import { methodTitle } from '../../../methods/registry.ts';
import { DTYPE_WORDS, ONNX_DTYPES, type OnnxDtype } from '../../../onnx/dtypes.ts';
import { ancestorsOf, type ModelSummary, taughtName } from '../../../run/files/model-line.ts';
import { modelText } from '../../../weights/model-reference.ts';
import type { LastRound, StoredRound } from '../../../worker/protocol.ts';
import { repeatedBy, TeachMore, useTaughtList } from '../../shared/Lessons.tsx';
import { usePage, usePageState } from '../../state/page-context.tsx';
import { isActive, type RunStatus } from '../../state/run-state.ts';
import { countOf, isAtWork } from '../../state/taught-models.ts';
import { ErrorText, Section } from '../../ui/blocks.tsx';
import { Check, PickFiles, Segmented } from '../../ui/controls.tsx';
import { bytes } from '../../ui/format.ts';
import { copied } from '../../ui/hooks.ts';
import { withTerms } from '../../ui/terms.tsx';
import styles from './results.module.css';
import { type Dtypes, type Snippet, snippetsFor } from './use-snippets.ts';

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
  return (
    <>
      <button type="button" data-testid={`download-${id}`} disabled={isDisabled} onClick={save}>
        {title}
      </button>
      <select
        aria-label={label}
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

/** How many test answers of the model in use stay the same with the chosen weights, once somebody asks. */
function SameAnswers({ dtype, isDisabled }: { dtype: GgufDtype; isDisabled: boolean }) {
  const { countSame, stopCount } = usePage().taught;
  const { used, answering, same } = usePageState((state) => state.taught);
  const access = usePageState((state) => state.access);
  const device = usePageState((state) => state.device);
  const found = same.get(countOf(used, dtype));
  if (answering !== null) {
    return (
      <span role="status" data-testid="same-answers">
        Answering the tests twice: {answering.done}
        {answering.all > 0 && ` of ${answering.all}`}{' '}
        <button type="button" className="link small" onClick={stopCount}>
          Stop counting
        </button>
      </span>
    );
  }
  return found === undefined ? (
    <button
      type="button"
      className="link small"
      data-testid="count-same"
      title="Answers the tests that are stored with the model twice: as it was taught, and with these weights. This engine answers; llama.cpp rounds more with 8 and 4 bits."
      disabled={isDisabled}
      onClick={() => countSame(dtype, access, device)}
    >
      How many test answers stay the same?
    </button>
  ) : (
    <span role="status" data-testid="same-answers">
      {sameAnswersText(dtype, found)}
    </span>
  );
}

/** The model in use: what it was taught, what is stored of it, and its files to download. */
export function FilesSection() {
  useTaughtList();
  const page = usePage();
  const stored = page.taught;
  const {
    rounds: listed,
    used,
    models,
    isAsked,
    last,
    broken,
    writing,
    problem,
  } = usePageState((state) => state.taught);
  const status = usePageState(({ run }) => run.status);
  const access = usePageState((state) => state.access);
  const active = isActive(status);
  const [dtype, setDtype] = useState<OnnxDtype>('f32');
  const [ggufDtype, setGgufDtype] = useState<GgufDtype>('f16');
  const [withTests, setWithTests] = useState(false);
  const model = models.find(({ key }) => key === used)?.model ?? null;
  const repeated = model && repeatedBy(model.settings);
  const rounds = listed ?? [];
  const tests = (model?.lessons ?? []).reduce((sum, lesson) => sum + lesson.tests, 0);
  const isBusy = usePageState(isAtWork);
  const busy = active || isBusy;
  return (
    <Section title="The model" note="Stored in this browser until you remove it under Models." testId="files">
      {model && (
        <div className={`stack ${styles.line}`} data-testid="model-line">
          <Line model={model} isDisabled={busy} />
          <TeachMore />
        </div>
      )}
      {listed !== null ? (
        <Listed rounds={listed} status={status} />
      ) : (
        problem === null && <p className="about">{active ? 'Listed once the run has ended.' : 'Looking for files…'}</p>
      )}
      {!isAsked && rounds.length > 0 && (
        <p className="about" data-testid="other-model">
          The run on the page has no model in this browser. This is another one{model && `: ${taughtName(model)}`}.
        </p>
      )}
      {broken.length > 0 && (
        <p className="about bad" data-testid="broken-rounds">
          What is stored after {broken.join(', ')} cannot be used: parts are missing or come from another version. It
          can still be downloaded.
        </p>
      )}
      <div className="buttons spaced">
        <button
          type="button"
          data-testid="share-model"
          title="One file for somebody else, who drops it on this page or names it with train --from. The base model is not in it."
          disabled={busy || last === null}
          onClick={() => void stored.save({ what: 'share', withTests: withTests && tests > 0 }, access)}
        >
          Save the model to share
        </button>
        <button
          type="button"
          data-testid="download-files"
          disabled={busy || rounds.length === 0}
          onClick={() => void stored.save({ what: 'zip' }, access)}
        >
          Adapter, answers with their texts, all files (zip)
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
        {tests > 0 && last !== null && !last.use.isByPrompt && <SameAnswers dtype={ggufDtype} isDisabled={busy} />}
        {last?.use.isDecoderOnly === true && last.use.hasAdapter && !last.use.hasWeights && !last.use.isByPrompt && (
          <button
            type="button"
            data-testid="download-gguf-adapter"
            disabled={busy}
            onClick={() => void stored.save({ what: 'gguf-adapter' }, access)}
          >
            GGUF adapter (zip)
          </button>
        )}
        <PickFiles
          label="Load a model’s folder…"
          folder
          multiple
          disabled={busy}
          testId="load-round"
          take={(files) => stored.take(files)}
        />
      </div>
      {repeated !== null && (
        <p className="about" data-testid="share-repeats">
          The file to share also holds what the method repeats while it learns: {repeated}.
        </p>
      )}
      {model !== null && tests > 0 && (
        <Check testId="share-tests" isOn={withTests} set={setWithTests}>
          <span>
            Share the texts of its {tests === 1 ? 'test' : `${tests} tests`} too, by which the other sees what the model
            forgets. They are texts of your data.
          </span>
        </Check>
      )}
      <Check
        testId="store-every-task"
        isOn={usePageState((state) => state.everyTask)}
        isDisabled={active}
        set={page.storeEveryTask}
      >
        <span>
          In the next run, store the model after every task, not just after the last, so that you can go back to each
          one and <em>Try it</em> can ask it
        </span>
      </Check>
      <p className="about" role="status" data-testid="files-status">
        {writing !== null &&
          (writing.what === 'import' ? 'Reading the folder…' : `Writing… ${bytes(writing.bytes)} so far`)}
      </p>
      {problem !== null && (
        <div className="about bad" role="alert">
          <ErrorText error={problem} />
        </div>
      )}
      {last !== null && <UseModel last={last} dtypes={{ onnx: dtype, gguf: ggufDtype }} />}
    </Section>
  );
}

/** The line of descent of the model in use, with a way back to each earlier one that is stored. */
function Line({ model, isDisabled }: { model: ModelSummary; isDisabled: boolean }) {
  const { use } = usePage().taught;
  const models = usePageState((state) => state.taught.models);
  const read = models.flatMap((one) => (one.model ? [{ key: one.key, lessons: one.model.lessons }] : []));
  const before = ancestorsOf(model, read);
  return (
    <p>
      {modelText(model.settings.model)}
      {model.lessons.map(({ name }, i) => {
        const there = before.find(({ lessons }) => lessons.length === i + 1);
        return (
          <Fragment key={name}>
            {' → '}
            <strong>
              <bdi>{name}</bdi>
            </strong>
            {there && (
              <>
                {' '}
                <button type="button" className="link tiny" disabled={isDisabled} onClick={() => use(there.key)}>
                  Go back to after {name}
                </button>
              </>
            )}
          </Fragment>
        );
      })}
    </p>
  );
}

/** Why no files are stored, by how the run on the page ended. A finished run has saved some: they were removed. */
const NO_FILES: Partial<Record<RunStatus, string>> = {
  failed: 'None: the run failed before its first task was saved.',
  stopped: 'None: the run was stopped before its first task was saved.',
  finished: 'The files of this run are no longer in this browser.',
};

/** Says which files are stored. @param status of the run on the page. */
function Listed({ rounds, status }: { rounds: readonly StoredRound[]; status: RunStatus }) {
  if (rounds.length === 0) {
    return (
      <p className="about">
        {NO_FILES[status] ?? 'None yet.'}{' '}
        {withTerms(
          'After each task, the model is stored with its answers in the format of the paper’s code, its adapter (PEFT), full-rank weight changes and the space of directions that it protects.',
          'adapter',
          'direction',
        )}
      </p>
    );
  }
  const withWeights = rounds.filter(({ hasWeights }) => hasWeights).map(({ name }) => name);
  return (
    <p className="about" data-testid="kept-rounds">
      Files of {rounds.length === 1 ? '1 task' : `${rounds.length} tasks`} (
      {bytes(rounds.reduce((sum, round) => sum + round.bytes, 0))}): {rounds.map(({ name }) => name).join(', ')}.
      {withWeights.length > 0 && ` The model itself after ${withWeights.join(', ')}.`}
    </p>
  );
}

/** Outcome of the last press. */
type Outcome = 'not yet' | 'copied' | 'refused';
const TEXTS: Readonly<Record<Outcome, string>> = {
  'not yet': 'Copy',
  copied: 'Copied',
  refused: 'Select and copy by hand',
};

/** Copies a text to the clipboard. @param label what the button does, for screen readers. */
function CopyButton({ text, label }: { text: string; label: string }) {
  const [state, setState] = useState<Outcome>('not yet');
  const copy = async (): Promise<void> => setState((await copied(text)) ? 'copied' : 'refused');
  return (
    <>
      <button
        type="button"
        className={styles.copy}
        aria-label={label}
        data-testid="copy-code"
        onClick={() => void copy()}
      >
        {TEXTS[state]}
      </button>
      <span role="status" className="hidden-visually">
        {state === 'not yet' ? '' : TEXTS[state]}
      </span>
    </>
  );
}

/** A text to copy. */
function Copied({ text, label, testId }: { text: string; label: string; testId: string }) {
  return (
    <div className={styles.program}>
      <pre className={styles.code} role="group" tabIndex={0} aria-label={label}>
        <code data-testid={testId}>{text}</code>
      </pre>
      <CopyButton key={text} text={text} label={`Copy: ${label}`} />
    </div>
  );
}

/** Short programs in common libraries that ask the model of the last round for an answer. */
export function UseModel({ last: { round, settings, use }, dtypes }: { last: LastRound; dtypes: Dtypes }) {
  const snippets = snippetsFor(use, dtypes);
  const [chosen, choose] = useState<Snippet['id']>('transformers.js');
  const { id, title, needs, code, prompt } = snippets.find((one) => one.id === chosen) ?? snippets[0];
  return (
    <div className={styles.use}>
      <Section
        level={3}
        title="Use this model"
        note={`Programs that load the files above: the model that was taught ${settings.order.slice(0, round).join(', ')} by ${methodTitle(settings.method)}.`}
        tools={
          <Segmented
            label="Program"
            options={snippets.map((one) => ({ value: one.id, label: one.title }))}
            value={id}
            onChange={choose}
          />
        }
        testId="use-model"
      >
        <p className="about" data-testid="use-needs">
          {needs}
        </p>
        <Copied text={code} label={`Program: ${title}`} testId="use-code" />
        {prompt !== undefined && (
          <>
            <p className="about">Paste this prompt into the chat, not into the shell, which would run its lines:</p>
            <Copied text={prompt} label={`Prompt for ${title}`} testId="use-prompt" />
          </>
        )}
        {use.example !== null && !/"my (text|prompt)"/.test(code) && (
          <p className="about">
            The text comes from a test, where the model answered <code>{JSON.stringify(use.example.answer)}</code>.
          </p>
        )}
      </Section>
    </div>
  );
}
