/** `system` follows prefers-color-scheme. */
export type Theme = 'system' | 'light' | 'dark';

const THEME_KEY = 'gorp-web-theme';

const isTheme = (text: string | null): text is Theme => text === 'system' || text === 'light' || text === 'dark';

/** The theme stored in this browser. */
export function storedTheme(): Theme {
  try {
    const text = localStorage.getItem(THEME_KEY);
    return isTheme(text) ? text : 'system';
  } catch {
    return 'system'; // storage is blocked, so nothing was stored
  }
}

/** Sets the theme on the document, where the style sheet reads it, and stores it for the next visit. */
export function applyTheme(theme: Theme): void {
  document.documentElement.dataset['theme'] = theme;
  try {
    localStorage.setItem(THEME_KEY, theme);
  } catch {
    // Storage is blocked: the choice lasts until the page closes.
  }
}
