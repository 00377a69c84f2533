declare const __APP_VERSION__: string;
declare const __APP_COMMIT__: string;

/** The version of this code, which the build sets. */
export const code = (): { version: string; commit: string } => ({
  version: __APP_VERSION__,
  commit: __APP_COMMIT__,
});

/** Version and commit as one text. */
export const versionText = (): string => `${__APP_VERSION__} (${__APP_COMMIT__})`;
