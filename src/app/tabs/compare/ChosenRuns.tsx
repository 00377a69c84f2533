import { usePage, usePageState } from '../../state/page-context.tsx';
import { ErrorLine, Section } from '../../ui/blocks.tsx';
import { bytes, moment, whole } from '../../ui/format.ts';
import styles from './compare.module.css';
import { seedRanges, type SettingsGroup } from './settings-groups.ts';
import { Act, PickFiles } from '../../ui/controls.tsx';

/** With more runs than this, each group is a line to unfold. */
const MOST_CHIPS = 12;

/** The runs that are compared, results files from disk, and all of them as one zip. */
export function ChosenRuns({ groups }: { groups: readonly SettingsGroup[] }) {
  const { compare, changeView } = usePage();
  const { ticked, reading, zipping, problem } = usePageState((state) => state.compare);
  const storeProblem = usePageState((state) => state.historyProblem);
  const isLong = groups.reduce((sum, { runs }) => sum + runs.length, 0) > MOST_CHIPS;
  return (
    <Section
      title="Runs compared"
      note="Tick runs in Results, or choose or drop results files here, or a study: its folder, its runs (.jsonl, .jsonl.gz) or its report.json, whose tables are only shown. Runs are stored in this browser like its own runs."
      testId="compared"
    >
      {reading !== null ? (
        <p className="about" role="status" data-testid="reading-runs">
          Reading the results: {whole(reading.done)} of {whole(reading.all)}{' '}
          <progress value={reading.done} max={reading.all} aria-label="Results read" />
        </p>
      ) : (
        groups.length === 0 && <p className="about">No runs ticked yet.</p>
      )}
      {isLong ? (
        <Groups groups={groups} />
      ) : (
        <ul className="buttons">
          {groups.map((group) => (
            <Chips key={group.name} group={group} />
          ))}
        </ul>
      )}
      <div className="buttons spaced">
        <button type="button" onClick={() => changeView({ tab: 'results' })}>
          Tick runs in Results
        </button>
        <PickFiles
          label="Add results files…"
          multiple
          accept=".json,.jsonl,.gz,application/json"
          testId="take-results"
          take={(files) => void compare.takeFiles(files)}
        />
        <button
          type="button"
          data-testid="zip-results"
          disabled={ticked.length === 0 || zipping !== null}
          onClick={() => void compare.saveZip(ticked)}
        >
          {zipping === null ? 'Download results and logs (zip)' : `Writing… ${bytes(zipping)}`}
        </button>
      </div>
      {problem !== null && <ErrorLine error={problem} isNew testId="compare-problem" />}
      {storeProblem !== null && <p className="about bad">{storeProblem}</p>}
    </Section>
  );
}

/** A line for each group; of many groups, by method. */
function Groups({ groups }: { groups: readonly SettingsGroup[] }) {
  const all = groups.map((group) => <Group key={group.name} group={group} />);
  if (groups.length <= MOST_CHIPS) return all;
  const methods = [...new Set(groups.map(({ settings }) => settings.method.name))];
  return methods.map((method) => {
    const own = groups.flatMap((group, i) => (group.settings.method.name === method ? [{ group, line: all[i] }] : []));
    const runs = own.reduce((sum, { group }) => sum + group.runs.length, 0);
    return (
      <details key={method} data-testid="compared-method">
        <summary>
          <span className="keyed" style={{ '--series': own[0].group.color }}>
            {method}
          </span>
          : {whole(own.length)} settings, {whole(runs)} runs
        </summary>
        {own.map(({ line }) => line)}
      </details>
    );
  });
}

/** A group of many: its method and what distinguishes it, how many runs it has, and the runs when it is unfolded. */
function Group({ group }: { group: SettingsGroup }) {
  const { compare } = usePage();
  const ticked = usePageState((state) => state.compare.ticked);
  const { name, color, runs } = group;
  const orders = new Set(runs.map(({ results }) => results.settings.order.join(', '))).size;
  const own = new Set(runs.map(({ key }) => key));
  return (
    <details data-testid="compared-group">
      <summary>
        <span className="keyed" style={{ '--series': color }}>
          {name}
        </span>
        : {runs.length === 1 ? '1 run' : `${whole(runs.length)} runs`}
        {orders > 1 && `, ${orders} orders`}, seeds {seedRanges(runs.map(({ seed }) => seed))}
      </summary>
      <ul className="buttons">
        <Chips group={group} />
      </ul>
      <button
        type="button"
        aria-label={`Remove ${name} from the comparison`}
        onClick={() => void compare.tickOnly(ticked.filter((key) => !own.has(key)))}
      >
        Remove all {runs.length}
      </button>
    </details>
  );
}

/** A chip for each run of a group, with a button that removes it. */
function Chips({ group: { color, runs } }: { group: SettingsGroup }) {
  const { compare } = usePage();
  return runs.map(({ key, name, results }) => (
    <li key={key} className={`box keyed ${styles.run}`} style={{ '--series': color }}>
      <span title={`Started ${moment(results.startedAt)}`}>{name}</span>
      <Act label={`Remove ${name} from the comparison`} onClick={() => void compare.tick(key, false)}>
        ×
      </Act>
    </li>
  ));
}
