#!/usr/bin/env node
import { exitWhenWritten, ignoreClosedOutput } from './exit.ts';
import { main } from './main.ts';

ignoreClosedOutput();
await exitWhenWritten(await main(process.argv.slice(2)));
