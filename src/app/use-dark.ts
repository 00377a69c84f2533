import { useSyncExternalStore } from 'react';
import { usePageState } from './page-context.tsx';

const query = '(prefers-color-scheme: dark)';

const subscribe = (listener: () => void): (() => void) => {
  const media = matchMedia(query);
  media.addEventListener('change', listener);
  return () => media.removeEventListener('change', listener);
};

/** Whether the page is dark, by choice or by the system. Canvases use this to redraw. */
export function useDark(): boolean {
  const theme = usePageState(({ view }) => view.theme);
  const system = useSyncExternalStore(subscribe, () => matchMedia(query).matches);
  return theme === 'system' ? system : theme === 'dark';
}
