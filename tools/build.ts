/** `npm run build`: the embedded tasks and the app, as far as they are out of date. */
import { buildApp } from './setup/build.ts';

await buildApp();
