import { usePage, usePageState } from './state/page-context.tsx';
import { applyTheme, type Theme } from './state/preferences.ts';
import { Segmented } from './ui/Segmented.tsx';
import styles from './App.module.css';

const THEMES: readonly { value: Theme; label: string }[] = [
  { value: 'system', label: 'Auto' },
  { value: 'light', label: 'Light' },
  { value: 'dark', label: 'Dark' },
];

export function Header() {
  const { changeView } = usePage();
  const theme = usePageState(({ view }) => view.theme);
  return (
    <header className={styles.header}>
      <h1 className={styles.name}>gorp-web</h1>
      <p className={`muted small ${styles.claim}`}>Continual fine-tuning on your own machine. Nothing leaves it.</p>
      <Segmented
        label="Colours"
        options={THEMES}
        value={theme}
        onChange={(next) => {
          applyTheme(next);
          changeView({ theme: next });
        }}
      />
    </header>
  );
}
