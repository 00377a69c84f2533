import { useId } from 'react';
import { seriesColor } from '../../charts/series.ts';
import { ErrorLine } from '../../ui/errors.tsx';
import { bytes, moment } from '../../ui/format.ts';
import { usePage, usePageState } from '../../state/page-context.tsx';
import { Section } from '../../ui/Section.tsx';
import type { SettingsGroup } from './settings-groups.ts';
import styles from './compare.module.css';

/** The runs that are compared, results files from disk, and all of them as one zip. */
export function ChosenRuns({ groups }: { groups: readonly SettingsGroup[] }) {
  const { compare, changeView } = usePage();
  const { ticked, opened, zipping, problem } = usePageState((state) => state.compare);
  const storeProblem = usePageState((state) => state.historyProblem);
  const picker = useId();
  const reading = ticked.filter((key) => !opened.has(key)).length;
  return (
    <Section
      title="Runs compared"
      note="Tick runs in Results, or choose or drop results files here, or the runs of a study (.jsonl, .jsonl.gz). They are stored in this browser like its own runs."
      testId="compared"
    >
      {groups.length === 0 && <p className="about">{reading > 0 ? 'Reading the results…' : 'No runs ticked yet.'}</p>}
      <ul className="buttons">
        {groups.flatMap(({ runs }, color) =>
          runs.map(({ key, name, results }) => (
            <li key={key} className={`box keyed ${styles.run}`} style={{ '--series': seriesColor(color) }}>
              <span title={`Started ${moment(results.startedAt)}`}>{name}</span>
              <button
                type="button"
                className="act"
                aria-label={`Remove ${name} from the comparison`}
                onClick={() => void compare.tick(key, false)}
              >
                ×
              </button>
            </li>
          )),
        )}
      </ul>
      <div className="buttons spaced">
        <button type="button" onClick={() => changeView({ tab: 'results' })}>
          Tick runs in Results
        </button>
        <label className="button" htmlFor={picker}>
          Add results files…
        </label>
        <input
          id={picker}
          className="hidden-visually"
          type="file"
          multiple
          accept=".json,.jsonl,.gz,application/json"
          data-testid="take-results"
          onChange={({ target }) => {
            const files = [...(target.files ?? [])];
            target.value = '';
            if (files.length > 0) void compare.takeFiles(files);
          }}
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
