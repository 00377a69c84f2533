import { useMemo, useRef } from 'react';
import { difference } from '../../run/files/saved-round.ts';
import { embeddedSettings, type PresetName } from '../../run/planning/presets.ts';
import type { RunSettings } from '../../run/settings/settings.ts';
import { embeddedTask } from '../../tasks/orders.ts';
import { embeddedModel } from '../../weights/embedded-models.ts';
import { type Estimate, estimateOf, estimateText } from '../state/estimate.ts';
import { usePage, usePageState } from '../state/page-context.tsx';
import { canKeep, isActive } from '../state/run-state.ts';
import { Check } from '../ui/controls.tsx';
import { useFocusStays } from '../ui/hooks.ts';
import { KeepAwake } from './SettingField.tsx';
import styles from './form.module.css';

/** How long a run with the page's settings would take; null until known. */
function useEstimate(): Estimate | null {
  const { pace } = usePage();
  const draft = usePageState((state) => state.draft);
  const userTasks = usePageState((state) => state.userTasks);
  const memoryPlan = usePageState((state) => state.memoryPlan);
  const lengths = usePageState((state) => state.lengths);
  const deviceFound = usePageState((state) => state.deviceFound);
  // A finished run may have corrected the pace.
  const status = usePageState(({ run }) => run.status);
  return useMemo(
    () => (status === 'running' ? null : estimateOf({ draft, userTasks, memoryPlan, lengths, deviceFound }, pace)),
    [draft, userTasks, memoryPlan, lengths, deviceFound, pace, status],
  );
}

const PRESETS: readonly { name: PresetName; label: string }[] = [
  { name: 'full', label: 'Full: four tasks' },
  { name: 'quick', label: 'Quick: two tasks' },
];

/** The preset that a draft equals in all but the seed; null if it equals none. */
function presetOf(draft: RunSettings): PresetName | null {
  const { seed } = draft.training;
  for (const { name } of PRESETS) {
    const preset = embeddedSettings(name, draft.method.name, embeddedModel(draft.model)?.reference);
    if (difference({ ...preset, training: { ...preset.training, seed } }, draft) === null) return name;
  }
  return null;
}

/** The size of the run in one line: tasks, examples, epochs. */
function amount({ order, training }: RunSettings): string {
  const tasks = order.length === 1 ? '1 task' : `${order.length} tasks`;
  // The embedded tasks have enough examples; others may have fewer.
  const most = order.every((name) => embeddedTask(name) !== null) ? '' : 'up to ';
  const examples = training.trainExamples === 0 ? 'all examples' : `${most}${training.trainExamples} examples each`;
  const epochs = training.epochs === 1 ? '1 epoch' : `${training.epochs} epochs`;
  return `${tasks}, ${examples}, ${epochs}`;
}

/**
 * Preset and Start; during a run, Pause or Resume, Stop, One step and One task. Pause and Stop stay focusable while they
 * do nothing, so that the focus does not fall off the page, nor from Start onto Stop.
 */
export function RunBar() {
  const active = usePageState(({ run }) => isActive(run.status));
  const bar = useRef<HTMLDivElement>(null);
  const focus = useFocusStays(bar, active);
  return (
    <div ref={bar} className={styles.bar} {...focus}>
      {active ? <DuringRun /> : <BeforeRun />}
    </div>
  );
}

function DuringRun() {
  const page = usePage();
  const status = usePageState(({ run }) => run.status);
  const keeps = usePageState(({ run }) => canKeep(run));
  const canStep = status === 'running' || status === 'paused';
  return (
    <>
      <div className={styles.begin}>
        {status === 'paused' ? (
          <button type="button" className="primary" data-testid="resume" onClick={page.resume}>
            Resume
          </button>
        ) : (
          <button
            type="button"
            data-testid="pause"
            aria-disabled={status !== 'running'}
            onClick={() => status === 'running' && page.pause()}
          >
            {status === 'pausing' ? 'Pausing…' : 'Pause'}
          </button>
        )}
        <button
          type="button"
          data-testid="stop"
          aria-disabled={status === 'stopping'}
          onClick={() => status !== 'stopping' && page.stop()}
        >
          {status === 'stopping' ? 'Stopping…' : 'Stop'}
        </button>
        <button
          type="button"
          className={styles.wide}
          data-testid="stop-and-keep"
          title="Ends the task here: what was learned until now is tested, saved, and can be tried and downloaded"
          disabled={!keeps}
          onClick={page.stopAndKeep}
        >
          {status === 'keeping' ? 'Saving the model…' : 'Stop and keep the model'}
        </button>
        <button
          type="button"
          data-testid="step"
          title="Runs to the end of the next optimizer step, then pauses"
          disabled={!canStep}
          onClick={() => page.continueTo('step')}
        >
          One step
        </button>
        <button
          type="button"
          data-testid="step-round"
          title="Runs to the end of the task’s tests, then pauses"
          disabled={!canStep}
          onClick={() => page.continueTo('round')}
        >
          One task
        </button>
      </div>
      <div className={`muted tiny ${styles.amount}`}>
        <p>Settings are locked during the run.</p>
        <KeepAwake />
      </div>
    </>
  );
}

function BeforeRun() {
  const page = usePage();
  const draft = usePageState((state) => state.draft);
  const isTaught = usePageState(({ teaches }) => teaches !== null);
  const isChecking = usePageState(({ checkingModel, isSettling }) => checkingModel !== null || isSettling);
  const preset = presetOf(draft);
  const estimate = useEstimate();
  return (
    <>
      <div className={styles.begin}>
        <button
          type="button"
          className="primary"
          data-testid="start"
          aria-describedby="run-amount start-facts"
          disabled={isChecking}
          onClick={page.start}
        >
          {isTaught ? 'Teach' : 'Start'}
        </button>
        {!isTaught && (
          <select
            data-testid="preset-select"
            aria-label="Preset"
            value={preset ?? 'custom'}
            onChange={({ target }) => {
              const chosen = PRESETS.find(({ name }) => name === target.value);
              if (chosen !== undefined) page.choosePreset(chosen.name);
            }}
          >
            {PRESETS.map(({ name, label }) => (
              <option key={name} value={name}>
                {label}
              </option>
            ))}
            {preset === null && <option value="custom">Your own settings</option>}
          </select>
        )}
      </div>
      <p className={`muted tiny ${styles.amount} ${styles.timed}`} id="run-amount">
        {isTaught && draft.order.length === 0 ? 'Choose what to teach next.' : amount(draft)}
        {estimate !== null && (
          <span
            className={styles.time}
            data-testid="estimate"
            data-seconds={estimate.seconds}
            title={
              estimate.isRefined ? 'From the last run of this model here.' : 'From a short benchmark of this device.'
            }
          >
            {estimateText(estimate)}
          </span>
        )}
      </p>
      <Check
        className="choice muted tiny"
        testId="keep-tests"
        isOn={usePageState((state) => state.keepsTests)}
        set={(keepsTests) => page.prefer({ keepsTests })}
      >
        Keep the tests with the model, so that it can be tested on them when it is taught more
      </Check>
    </>
  );
}
