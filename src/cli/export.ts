import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { explained, GorpError } from '../base/errors.ts';
import { ONNX_DTYPES, type OnnxDtype } from '../onnx/dtypes.ts';
import { onnxFiles } from '../onnx/onnx-files.ts';
import { checkRuntimeHolds } from '../onnx/runtime-memory.ts';
import { cardOf } from '../run/outputs/model-card.ts';
import type { OutputFile } from '../weights/exports/output-file.ts';
import { noPositionals, oneOf, readArguments } from './arguments.ts';
import { EXIT, UsageError } from './exit-codes.ts';
import { openRoundFolder, writeFiles } from './round-folder.ts';
import { openShown, openTrainedModel } from './shown-model.ts';
import { Terminal } from './terminal.ts';

export const EXPORT_USAGE = `Usage: gorp-web export --round DIR --out DIR [--model NAME] [--dtype DTYPE]
       gorp-web export --model NAME --out DIR [--dtype DTYPE]

Writes a model as ONNX, with a round's training merged in: a folder that transformers.js, Optimum and
onnxruntime load. Weights are written one tensor at a time, in files next to the graphs.

  --round DIR      the folder of a round that train --out wrote
  --model NAME     the model to export; with --round, the base model if it has moved
  --out DIR        where the model is written
  --dtype DTYPE    how weights are stored: f32, f16, q8 or q4 (8 and 4 bits in blocks of 32); f32 by default
  --format onnx    the only format
  --json           one JSON object on stdout at the end
  --help`;

/** `gorp-web export`. @returns the exit code. */
export async function exportModel(args: string[]): Promise<number> {
  const { values, positionals } = readArguments(args, {
    round: { type: 'string' },
    model: { type: 'string' },
    out: { type: 'string' },
    dtype: { type: 'string', default: 'f32' },
    format: { type: 'string', default: 'onnx' },
  } as const);
  noPositionals(positionals);
  const { round, model, out } = values;
  oneOf('--format', values.format, ['onnx']);
  const dtype = oneOf('--dtype', values.dtype, ONNX_DTYPES);
  if (out === undefined) throw new UsageError('export needs --out.');
  if (existsSync(join(out, 'config.json'))) {
    throw new GorpError('run/out-is-taken', `${out} has a model already.`, 'Name another folder with --out.');
  }
  const terminal = new Terminal(values.json);
  const { files, config } = await whatToWrite(round, model, dtype, terminal);
  // config.json last: if writing is interrupted, a folder without it does not pass for a model.
  for (const file of [...files].reverse()) {
    terminal.live(`Writing ${file.path}`);
    await writeFiles(out, [file]);
  }
  const tooLarge = whyTooLarge(config, dtype);
  const paths = files.map(({ path }) => path);
  terminal.event({ type: 'exported', out, dtype, files: paths, fitsOnnxruntimeWeb: tooLarge === null });
  terminal.result(`Wrote ${paths.join(', ')} to ${out}.`);
  if (tooLarge !== null) terminal.note(`A browser cannot run this export. ${tooLarge}`);
  return EXIT.ok;
}

async function whatToWrite(
  round: string | undefined,
  model: string | undefined,
  dtype: OnnxDtype,
  terminal: Terminal,
): Promise<{ files: OutputFile[]; config: unknown }> {
  if (round !== undefined) {
    const saved = await openRoundFolder(round);
    const base = await openTrainedModel(saved, model, terminal);
    const files = [...(await onnxFiles(base, dtype, saved)), await cardOf(saved, base, 'onnx')];
    return { files, config: base.config };
  }
  if (model === undefined) throw new UsageError('export needs --round or --model.');
  const base = await openShown(model, terminal);
  return { files: await onnxFiles(base, dtype), config: base.config };
}

/** Why onnxruntime-web cannot hold an export, and what to do; null if it can. Other runtimes have more room. */
function whyTooLarge(config: unknown, dtype: OnnxDtype): string | null {
  try {
    checkRuntimeHolds(config, dtype);
    return null;
  } catch (thrown) {
    if (!(thrown instanceof GorpError)) throw thrown;
    return explained(thrown);
  }
}
