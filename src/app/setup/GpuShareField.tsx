import { useId } from 'react';
import { GPU_SHARES } from '../device/preferences.ts';
import { usePage, usePageState } from '../page-context.tsx';
import fields from './field.module.css';

/** The share of the graphics card's time that the next run may use. */
export function GpuShareField() {
  const { prefer } = usePage();
  const share = usePageState(({ gpuShare }) => gpuShare);
  const id = useId();
  return (
    <div className={fields.row}>
      <label htmlFor={id}>Share of the GPU</label>
      <select
        id={id}
        className={fields.input}
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
      <p id={`${id}-help`} className={fields.help}>
        Below 100 %, training takes short breaks so that games, films and other pages stay smooth.
      </p>
    </div>
  );
}
