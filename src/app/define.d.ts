/** Version from package.json, inserted by vite.config.ts. */
declare const __APP_VERSION__: string;
/** Short hash of the built commit, or `unknown`. */
declare const __APP_COMMIT__: string;
