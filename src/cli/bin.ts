#!/usr/bin/env node
import { main } from './main.ts';

// Dawn keeps the process alive: the exit must be explicit, once what was written has gone out.
const code = await main(process.argv.slice(2));
for (const stream of [process.stdout, process.stderr])
  await new Promise<void>((done) => stream.write('', () => done()));
process.exit(code);
