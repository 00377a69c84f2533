import type { RunEvent } from '../../run/events.ts';
import type { RunSettings } from '../../run/settings.ts';
import type { OpenSession } from '../session.ts';

export interface Playback {
  script: (settings: RunSettings) => RunEvent[];
  /** Share of the events sent at once at the start, in [0, 1]. */
  ahead: number;
  /** Milliseconds between the other events. */
  pace: number;
}

/** A session that plays a script and obeys pause, resume and stop as a worker would. */
export const scriptedSession =
  ({ script, ahead, pace }: Playback): OpenSession =>
  (onEvent) => {
    let events: RunEvent[] = [];
    let next = 0;
    let timer: ReturnType<typeof setInterval> | undefined;
    const tick = (): void => {
      const event = events[next++];
      if (event === undefined) clearInterval(timer);
      else onEvent(event);
    };
    return {
      send: (command) => {
        switch (command.type) {
          case 'start':
            events = script(command.settings);
            while (next < Math.floor(events.length * ahead)) tick();
            timer = setInterval(tick, pace);
            break;
          case 'pause':
            clearInterval(timer);
            onEvent({ type: 'paused' });
            break;
          case 'resume':
            timer = setInterval(tick, pace);
            onEvent({ type: 'resumed' });
            break;
          case 'save':
            break;
          case 'go-on-to': {
            clearInterval(timer);
            onEvent({ type: 'resumed' });
            const reached = command.milestone === 'step' ? 'steps' : 'space';
            do tick();
            while (next < events.length && events[next - 1]?.type !== reached);
            if (next < events.length) onEvent({ type: 'paused' });
            break;
          }
          case 'stop': {
            clearInterval(timer);
            onEvent({ type: 'stopped', results: null });
            break;
          }
        }
      },
      close: () => clearInterval(timer),
    };
  };
