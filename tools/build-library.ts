/** `npm run build:lib`: the package's library, types and command line in `dist-lib/`, as far as they are out of date. */
import { buildLibrary } from './setup/build.ts';

await buildLibrary();
