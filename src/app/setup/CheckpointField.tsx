import { useId } from 'react';
import { CHECKPOINT_MINUTES } from '../device/preferences.ts';
import { bytes } from '../format.ts';
import { usePage, usePageState } from '../page-context.tsx';
import field from './field.module.css';

/** How often the run is saved, so that it can resume after a crash or a reload. */
export function CheckpointField() {
  const { prefer } = usePage();
  const minutes = usePageState(({ checkpointMinutes }) => checkpointMinutes);
  const size = usePageState(({ memoryPlan }) => (memoryPlan.status === 'planned' ? memoryPlan.plan.checkpoint : null));
  const id = useId();
  return (
    <div className={`${field.row} ${field.roomy}`}>
      <label htmlFor={id}>Save the run</label>
      <select
        id={id}
        className={field.input}
        data-testid="checkpoint-minutes"
        value={minutes}
        aria-describedby={`${id}-help`}
        onChange={({ target }) => prefer({ checkpointMinutes: Number(target.value) })}
      >
        {CHECKPOINT_MINUTES.map((one) => (
          <option key={one} value={one}>
            {one === 0 ? 'never' : one === 1 ? 'every minute' : `every ${one} minutes`}
          </option>
        ))}
      </select>
      <p id={`${id}-help`} className={field.help}>
        Lets the run resume after a crash, a reload or a stop.
        {minutes > 0 && size !== null && ` Stores two checkpoints of up to ${bytes(size)} each.`}
      </p>
    </div>
  );
}
