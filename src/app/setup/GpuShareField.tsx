import { useId } from 'react';
import { GPU_SHARES } from '../device/preferences.ts';
import { usePage, usePageState } from '../page-context.tsx';
import field from './field.module.css';

/** The share of the graphics card's time that the next run may use. */
export function GpuShareField() {
  const { prefer } = usePage();
  const share = usePageState(({ gpuShare }) => gpuShare);
  const id = useId();
  return (
    <div className={field.row}>
      <label htmlFor={id}>Share of the GPU</label>
      <select
        id={id}
        className={field.input}
        data-testid="gpu-share"
        value={share}
        aria-describedby={`${id}-help`}
        onChange={({ target }) => prefer({ gpuShare: Number(target.value) })}
      >
        {GPU_SHARES.map((percent) => (
          <option key={percent} value={percent}>
            {percent} %
          </option>
        ))}
      </select>
      <p id={`${id}-help`} className={field.help}>
        Below 100 %, training takes short breaks so that games, films and other pages stay smooth.
      </p>
    </div>
  );
}
