/** `npm run build`: the embedded tasks and the app, where out of date. */
import { buildApp } from './setup/build.ts';

await buildApp();
