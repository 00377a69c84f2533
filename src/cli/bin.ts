#!/usr/bin/env node
import { exitWhenWritten, outliveReaders } from './exit.ts';
import { main } from './main.ts';

outliveReaders();
await exitWhenWritten(await main(process.argv.slice(2)));
