import { useId } from 'react';
import { seriesColor } from '../../charts/colors.ts';
import { ErrorLine } from '../../ui/errors.tsx';
import { bytes, moment } from '../../ui/format.ts';
import { usePage, usePageState } from '../../state/page-context.tsx';
import buttons from '../../ui/buttons.module.css';
import { Section } from '../../ui/Section.tsx';
import view from '../../ui/view.module.css';
import styles from './CompareTab.module.css';
import type { SettingsGroup } from './settings-groups.ts';

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
      {groups.length === 0 && (
        <p className={view.about}>{reading > 0 ? 'Reading the results…' : 'No runs ticked yet.'}</p>
      )}
      <ul className={styles.runs}>
        {groups.flatMap(({ runs }, color) =>
          runs.map(({ key, name, results }) => (
            <li key={key} className={styles.run} style={{ '--series': seriesColor(color) }}>
              <span title={`Started ${moment(results.startedAt)}`}>{name}</span>
              <button
                type="button"
                className={styles.remove}
                aria-label={`Remove ${name} from the comparison`}
                onClick={() => void compare.tick(key, false)}
              >
                ×
              </button>
            </li>
          )),
        )}
      </ul>
      <div className={`${buttons.row} ${styles.buttons}`}>
        <button
          type="button"
          className={`${buttons.plain} ${buttons.small}`}
          onClick={() => changeView({ tab: 'results' })}
        >
          Tick runs in Results
        </button>
        <label className={`${buttons.plain} ${buttons.small}`} htmlFor={picker}>
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
          className={`${buttons.plain} ${buttons.small}`}
          data-testid="zip-results"
          disabled={ticked.length === 0 || zipping !== null}
          onClick={() => void compare.saveZip(ticked)}
        >
          {zipping === null ? 'Download results and logs (zip)' : `Writing… ${bytes(zipping)}`}
        </button>
      </div>
      {problem !== null && <ErrorLine error={problem} isNew testId="compare-problem" />}
      {storeProblem !== null && <p className={view.problem}>{storeProblem}</p>}
    </Section>
  );
}
