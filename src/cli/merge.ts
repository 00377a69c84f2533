import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { GorpError } from '../base/errors.ts';
import { cardOf } from '../run/files/model-card.ts';
import { mergedModelFiles } from '../weights/exports/merged-model.ts';
import { noPositionals, readArguments } from './arguments.ts';
import { EXIT, UsageError } from './exit-codes.ts';
import { openRoundFolder, writeFiles } from './round-folder.ts';
import { openTrainedModel } from './shown-model.ts';
import { Terminal } from './terminal.ts';

export const MERGE_USAGE = `Usage: gorp-web merge --round DIR --out DIR [--model NAME]

Writes a model with everything that a round has trained merged in, as Hugging Face lays models out: safetensors,
sharded above 5 GB, config.json and the tokenizer's files.

  --round DIR      the folder of a round that train --out wrote
  --out DIR        where the model is written
  --model NAME     the base model, if it has moved
  --json           one JSON object on stdout at the end
  --help`;

/** `gorp-web merge`. @returns the exit code. */
export async function merge(args: string[]): Promise<number> {
  const options = { round: { type: 'string' }, out: { type: 'string' }, model: { type: 'string' } } as const;
  const { values, positionals } = readArguments(args, options);
  noPositionals(positionals);
  const { round, out } = values;
  if (round === undefined || out === undefined) throw new UsageError('merge needs --round and --out.');
  const terminal = new Terminal(values.json);
  if (existsSync(join(out, 'config.json'))) {
    throw new GorpError('run/out-is-taken', `${out} has a model already.`, 'Name another folder with --out.');
  }
  const saved = await openRoundFolder(round);
  const base = await openTrainedModel(saved, values.model, terminal);
  const merged = await mergedModelFiles(base, saved.changed, saved.changes);
  const files = [await cardOf(saved, base, 'safetensors'), ...merged];
  for (const file of files) {
    terminal.live(`Writing ${file.path}`);
    await writeFiles(out, [file]);
  }
  terminal.event({ type: 'merged', out, files: files.map(({ path }) => path) });
  terminal.result(`Wrote ${files.map(({ path }) => path).join(', ')} to ${out}.`);
  return EXIT.ok;
}
