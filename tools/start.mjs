// `npm start`: installs what is missing, builds what has changed, serves the app and opens it.
import { prepare } from './setup/install.mjs';

prepare();
const { tsImport } = await import('tsx/esm/api');
await tsImport('./start/main.ts', import.meta.url);
