import { exitWhenWritten } from '../../../src/cli/exit.ts';
import { main } from './main.ts';

await exitWhenWritten(await main(process.argv.slice(2)));
