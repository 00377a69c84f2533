/** `npm run build:lib`: the package's library, types and command line in `dist-lib/`, where out of date. */
import { buildLibrary } from './setup/build.ts';

await buildLibrary();
