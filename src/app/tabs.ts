/** The views of the page, in the order of their tabs. */
export const TABS = [
  { id: 'run', label: 'Run' },
  { id: 'ranks', label: 'Ranks' },
  { id: 'try', label: 'Try it' },
  { id: 'results', label: 'Results' },
  { id: 'compare', label: 'Compare' },
  { id: 'queue', label: 'Queue' },
  { id: 'models', label: 'Models' },
  { id: 'device', label: 'Device' },
] as const;

export type Tab = (typeof TABS)[number]['id'];
