import { type Command, nodeCommand } from '../setup/process.ts';

/** The checks of `npm run check` and `npm test` that need neither a GPU nor a browser. */
export const CHECKS: readonly { name: string; command: Command }[] = [
  { name: 'format (oxfmt)', command: nodeCommand('oxfmt/bin/oxfmt', '--check') },
  { name: 'types and lint (oxlint)', command: nodeCommand('oxlint/bin/oxlint', '--format', 'stylish') },
  { name: 'methods (list and document)', command: nodeCommand('tsx/dist/cli.mjs', 'tools/methods/main.ts', '--check') },
  { name: 'plain English', command: nodeCommand('tsx/dist/cli.mjs', 'tools/check/english.ts') },
  { name: 'layers', command: nodeCommand('tsx/dist/cli.mjs', 'tools/check/layers.ts') },
];
