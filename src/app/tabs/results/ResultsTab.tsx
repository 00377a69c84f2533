import { useState } from 'react';
import { ScoreTool } from '../../shared/score-tools.tsx';
import { shownKey } from '../../state/history.ts';
import { usePage, usePageState } from '../../state/page-context.tsx';
import { isActive } from '../../state/run-state.ts';
import { PlainTable, Section } from '../../ui/blocks.tsx';
import { CopyLink, PickFiles, Unread } from '../../ui/controls.tsx';
import { downloadResults } from '../../ui/download.ts';
import { bytes, NONE, whole } from '../../ui/format.ts';
import { FilesSection } from './FilesSection.tsx';
import styles from './results.module.css';
import { RunsTable } from './RunsTable.tsx';

/** The results file, the runs in this browser, and the published averages. */
export function ResultsTab() {
  // At first, what stands below the model's files waits for their list, which would move a run away from under a click.
  const isListing = usePageState(
    ({ run, taught }) => taught.rounds === null && taught.problem === null && !isActive(run.status),
  );
  const [isHeld, hold] = useState(isListing);
  if (isHeld && !isListing) hold(false);
  return (
    <div className="sections">
      <Downloads />
      <FilesSection />
      {!isHeld && (
        <>
          <StoredRuns />
          <PublishedTables />
        </>
      )}
    </div>
  );
}

/** The runs in this browser. */
function StoredRuns() {
  const current = usePageState(({ run }) => (isActive(run.status) ? null : shownKey(run)));
  const history = usePageState((state) => state.history);
  const problem = usePageState((state) => state.historyProblem);
  const wholeBytes = history.reduce((sum, { resultsBytes }) => sum + (resultsBytes ?? 0), 0);
  return (
    <Section
      title="Runs in this browser"
      note={`Stored on this machine only, until you forget them (${bytes(wholeBytes)}). Changes (BWT), what was forgotten and head starts (FWT) are in points; see Run for the formulas.`}
      tools={
        <>
          <CompareButton />
          <ScoreTool />
        </>
      }
      testId="history"
    >
      {problem !== null && <p className="small bad">{problem}</p>}
      <UnreadRuns />
      {history.length === 0 ? (
        <p className="about">None yet. Finished and stopped runs appear here.</p>
      ) : (
        <RunsTable runs={history} current={current} />
      )}
    </Section>
  );
}

async function inTurn(names: readonly string[], remove: (name: string) => Promise<void>): Promise<void> {
  for (const name of names) await remove(name);
}

/** A notice about stored runs that this version cannot read. */
function UnreadRuns() {
  const { forget, dropCheckpoint } = usePage();
  const runs = usePageState((state) => state.unreadRuns);
  const checkpoints = usePageState((state) => state.unreadCheckpoints);
  return (
    <>
      <Unread count={runs.length} name={['stored run', 'stored runs']} remove={() => void inTurn(runs, forget)} />
      <Unread
        count={checkpoints.length}
        name={['checkpoint of an unfinished run', 'checkpoints of unfinished runs']}
        remove={() => void inTurn(checkpoints, dropCheckpoint)}
      />
    </>
  );
}

/** The model of the run, and its results. */
function Downloads() {
  const stored = usePage().taught;
  const results = usePageState(({ run }) => (isActive(run.status) ? null : run.results));
  const active = usePageState(({ run }) => isActive(run.status));
  const access = usePageState((state) => state.access);
  const canSave = usePageState(({ taught: { last, writing } }) => last !== null && writing === null);
  // Beside the results of this run, the button must not hand over another run's model.
  const isOther = usePageState(({ taught: { last, isAsked } }) => last !== null && !isAsked) && results !== null;
  const { sharing } = usePage();
  const open = (
    <PickFiles
      label="Open results…"
      accept=".json,application/json"
      testId="open-results"
      take={([file]) => void sharing.openResults(file)}
    />
  );
  return (
    <div className="row">
      <button
        type="button"
        className="primary"
        data-testid="download-merged"
        disabled={active || isOther || !canSave}
        onClick={() => void stored.save({ what: 'merge' }, access)}
      >
        Download the model (zip)
      </button>
      <button
        type="button"
        data-testid="download-results"
        disabled={results === null}
        onClick={() => results !== null && downloadResults(results)}
      >
        Download results (JSON)
      </button>
      <p className="about">
        {isOther
          ? 'This run has no model in this browser: it ended before its first task was saved, or its model was removed. The model below is another one.'
          : results !== null
            ? 'The model has everything trained merged in, for Hugging Face libraries; other formats are below. The results have settings, seed, device, every loss, the matrices, measures and spaces.'
            : active
              ? 'Both are ready when the run ends or is stopped.'
              : 'Finish a run or open one below to download its model and its results.'}
      </p>
      <div className={`stack ${styles.share}`}>
        {results === null ? (
          <div className="buttons">{open}</div>
        ) : (
          <CopyLink
            label="Copy a link to these results"
            testId="copy-results-link"
            of={results}
            link={sharing.linkOfResults}
            note={(link) =>
              `${whole(link.length)} characters. Programs for messages cut long links; if yours does, send the results file.`
            }
          >
            {open}
          </CopyLink>
        )}
        <p className="about">
          A link or a results file shows a run read-only to whoever opens it: settings, names, labels, notes and
          numbers, without the texts or the model. The link holds all of it; no server gets it.
        </p>
      </div>
    </div>
  );
}

/** Opens the comparison of the ticked runs. */
function CompareButton() {
  const { changeView } = usePage();
  const count = usePageState((state) => state.compare.ticked.length);
  return (
    <button
      type="button"
      data-testid="compare-ticked"
      disabled={count === 0}
      onClick={() => changeView({ tab: 'compare' })}
    >
      {count === 0 ? 'Tick runs to compare them' : `Compare ${count === 1 ? '1 run' : `${count} runs`}`}
    </button>
  );
}

/** Averages that a paper or a study of this project reports, to compare with a user's own: docs/method.md, section 6. */
interface PublishedAverages {
  readonly name: string;
  readonly about: string;
  readonly columns: readonly string[];
  /** A method and its values in percent or points, one for each column; null if the source has none. */
  readonly rows: readonly (readonly [method: string, ...values: (number | null)[]])[];
  readonly source: string;
}

const PUBLISHED: readonly PublishedAverages[] = [
  {
    name: 'CL_Benchmark',
    about: 'AP by exact match in percent, on 4 datasets (orders 1–3) or 15 (orders 4–6).',
    columns: ['T5-large, orders 1–3', 'T5-large, orders 4–6', 'LLaMA2-7B, orders 1–3', 'BWT, LLaMA2-7B'],
    rows: [
      ['O-LoRA', 75.8, 69.6, 76.1, -7.8],
      ['MIGU', 76.6, 70.0, null, null],
      ['N-LoRA', 78.8, 72.4, 77.6, -4.9],
      ['GORP', 79.8, 76.0, 78.6, -0.8],
      ['Multi-task (upper bound)', 80.0, null, null, null],
    ],
    source: 'Wang, Lyu, Sun and Jing: Continual Gradient Low-Rank Projection Fine-Tuning for LLMs, ACL 2025.',
  },
  {
    name: 'SuperNI',
    about:
      'AP by ROUGE-L in percent and forgetting in points, on 15 tasks (two orders); and AP by exact match on 15 datasets of CL_Benchmark.',
    columns: ['AP, T5-large', 'Forgetting', 'AP, LLaMA2-7B', 'Forgetting', 'CL_Benchmark, T5-large'],
    rows: [
      ['O-LoRA', 29.6, 15.6, 38.5, 18.0, 71.1],
      ['InfLoRA', 39.7, 8.3, 41.4, 13.1, 75.5],
      ['GainLoRA on O-LoRA', 47.3, 2.6, 51.1, 5.3, null],
      ['GainLoRA on InfLoRA', 46.3, 2.5, 50.7, 3.8, 77.8],
    ],
    source:
      'Liang, Chen and Li: Gated Integration of Low-Rank Adaptation for Continual Learning of Large Language Models, NeurIPS 2025. Best checkpoints of up to 100 passes, chosen on dev sets.',
  },
  {
    name: 'T5 of 77 million parameters',
    about:
      'AP by exact match in percent, on CL_Benchmark in orders 1 to 3, three seeds each, 192 training examples a task in two epochs, rank 8.',
    columns: ['AP', 'BWT', 'Just learned'],
    rows: [
      ['mtl', 70.2, null, null],
      ['gorp-plus', 67.8, 0, 67.8],
      ['gpm', 66.9, -0.5, 67.3],
      ['gorp', 66.9, -2, 68.4],
      ['n-lora', 66.4, -3.2, 68.8],
      ['inc-lora', 66.3, -3, 68.5],
      ['o-lora', 65.3, -3.6, 68],
      ['inf-lora', 65.1, -6.6, 70.1],
      ['osft', 63.4, -0.5, 63.8],
      ['migu', 61.5, -9.8, 68.8],
      ['slao', 57.8, -13.1, 67.7],
      ['seq-lora', 49.4, -26.3, 69.1],
      ['kl-lora', 47.6, -22, 64.1],
    ],
    source: 'The study of this project on the paper’s orders: docs/studies/table-t5.md in its repository.',
  },
  {
    name: 'SmolLM2-135M',
    about:
      'AP by exact match in percent, on SST-2, dbpedia, agnews and yelp of CL_Benchmark in this order and its reverse, six seeds each, 128 training examples a task, rank 8.',
    columns: ['AP', 'BWT', 'Just learned'],
    rows: [
      ['gpm', 69.8, -0.5, 70.1],
      ['gorp-plus', 68.8, -1.3, 69.8],
      ['inf-lora', 55.9, -5.5, 60.0],
      ['gain-lora', 53.4, 0.3, 53.2],
    ],
    source: 'The study of this project on a pre-trained model: docs/studies/real.md in its repository.',
  },
];

const fixed = (value: number | null): string => (value === null ? NONE : value.toFixed(1).replace('-', '\u2212'));

/** The published averages of docs/method.md, section 6. */
function PublishedTables() {
  return (
    <Section
      title="Published averages"
      note="Means over task orders. Compare them only with runs of these models on these tasks: the embedded models are far smaller."
    >
      {PUBLISHED.map((averages) => (
        <AveragesTable key={averages.name} {...averages} />
      ))}
    </Section>
  );
}

function AveragesTable({ name, about, columns, rows, source }: PublishedAverages) {
  return (
    <div className={styles.averages}>
      <p className="about">
        {name}: {about}
      </p>
      <PlainTable
        label={`Published averages, ${name}`}
        head={['Method', ...columns]}
        rows={rows.map(([method, ...values]) => [method, ...values.map(fixed)])}
        className={styles.published}
        testId="published"
      />
      <p className={`help ${styles.source}`}>{source}</p>
    </div>
  );
}
