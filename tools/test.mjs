// `npm test`: installs what is missing, then runs every check and every test and counts them.
import { prepare } from './setup/install.mjs';

prepare();
const { tsImport } = await import('tsx/esm/api');
await tsImport('./test/main.ts', import.meta.url);
