import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { DEVICE_CHOICES, type DeviceChoice } from '../base/device-choice.ts';
import { explained, GorpError } from '../base/errors.ts';
import { openDevice } from '../device/choice.ts';
import { ggufFiles } from '../gguf/gguf-files.ts';
import { GGUF_DTYPES, GGUF_WORDS, type GgufDtype, mergedName, sameAnswersText } from '../gguf/names.ts';
import { roundAsGguf } from '../gguf/round.ts';
import { checkComparable, sameAnswers, testPrompts } from '../gguf/same-answers.ts';
import { ONNX_DTYPES, type OnnxDtype } from '../onnx/dtypes.ts';
import { checkRuntimeHolds } from '../onnx/model-graphs.ts';
import { onnxFiles } from '../onnx/onnx-files.ts';
import { cardOf } from '../run/files/model-card.ts';
import type { SavedRound } from '../run/files/saved-round.ts';
import { templateOf } from '../text/chat-template.ts';
import { mergedModelFiles } from '../weights/exports/merge.ts';
import type { OutputFile } from '../weights/exports/output-file.ts';
import type { ModelFiles } from '../weights/model-folder.ts';
import { commandWith, noPositionals, oneOf, readArguments, refuseOptions } from './arguments.ts';
import { EXIT, UsageError } from './exit.ts';
import { nodeDeviceHost } from './host.ts';
import { openShown, openTrainedModel } from './named-models.ts';
import { writeTogether } from './round-folder.ts';
import { Terminal } from './terminal.ts';
import { openTaught } from './taught-model.ts';

export const EXPORT_USAGE = `Usage: gorp-web export --round DIR --out DIR [--model NAME] [--format FORMAT] [--dtype DTYPE]
       gorp-web export --model NAME --out DIR [--format FORMAT] [--dtype DTYPE]
       gorp-web export --round DIR --out DIR --format gguf --adapter [--model NAME]
       gorp-web export --round DIR --format gguf --dtype DTYPE --answers [--out DIR] [--device NAME]

Writes a model that was taught, with its training merged in. As ONNX it is a folder that transformers.js, Optimum and
onnxruntime load, with weights in files next to the graphs; as GGUF it is one file for llama.cpp, Ollama and LM
Studio, with a Modelfile for Ollama. Weights are written one tensor at a time.

  --round DIR      the model: the folder that was --out of a run, that of one of its tasks, or a file of models share
  --model NAME     the model to export; with --round, the base model if it has moved
  --out DIR        where the model is written
  --format FORMAT  onnx, by default, or gguf
  --dtype DTYPE    how weights are stored. onnx: f32, f16, q8 or q4 (8 and 4 bits in blocks of 32), f32 by default.
                   gguf: f16, q8_0, q4_0 or f32, f16 by default
  --adapter        only the model's adapter, as a GGUF file for llama.cpp's --lora
  --answers        counts how many answers to the tests that come with the model stay the same with the weights of the
                   GGUF file; without --out nothing is written
  --device NAME    what answers them: auto (default: a graphics card, else the CPU), gpu or cpu
  --json           one JSON object on stdout at the end
  --help`;

/** Maximum number of tokens that Ollama writes for a model that nothing limits. */
const MAX_NEW_TOKENS = 128;

/** `gorp-web export`. @returns the exit code. */
export async function exportModel(args: string[]): Promise<number> {
  const { values, positionals } = readArguments(args, {
    round: { type: 'string' },
    model: { type: 'string' },
    out: { type: 'string' },
    dtype: { type: 'string' },
    format: { type: 'string', default: 'onnx' },
    adapter: { type: 'boolean', default: false },
    answers: { type: 'boolean', default: false },
    device: { type: 'string', default: 'auto' },
  } as const);
  noPositionals(positionals);
  const { round, model, out, adapter, answers } = values;
  const format = oneOf('--format', values.format, ['onnx', 'gguf'] as const);
  const device = oneOf('--device', values.device, DEVICE_CHOICES);
  if (answers && (format === 'onnx' || round === undefined || adapter)) {
    throw new UsageError('--answers goes with --format gguf and --round, without --adapter.');
  }
  if (!answers) refuseOptions(args, ['device'], 'only --answers computes');
  if (out === undefined && !answers) throw new UsageError('export needs --out.');
  if (round === undefined && model === undefined) throw new UsageError('export needs --round or --model.');
  if (adapter && (format === 'onnx' || round === undefined || values.dtype !== undefined)) {
    throw new UsageError('--adapter goes with --format gguf and --round, without --dtype.');
  }
  const terminal = new Terminal(values.json);
  const source = { round, model, terminal };
  if (format === 'gguf') {
    const dtype = oneOf('--dtype', values.dtype ?? 'f16', GGUF_DTYPES);
    const opened = await openSource(source);
    if (answers && opened.saved) checkComparable(opened.saved); // before anything is written or computed
    if (out !== undefined) {
      const files = await ggufExport(source, opened, adapter ? null : dtype);
      await writeAll(out, files, terminal);
      terminal.event({ type: 'exported', format, out, ...(adapter ? { adapter } : { dtype }), files: pathsOf(files) });
    }
    const { saved } = opened;
    if (saved === undefined || adapter) return EXIT.ok;
    if (answers) await countSame(saved, opened.base, dtype, device, terminal);
    else if (dtype !== 'f32' && testPrompts(saved).length > 0) {
      terminal.note(
        `To count how many of its ${testPrompts(saved).length} test answers stay the same with ${GGUF_WORDS[dtype]}: ${commandWith('export', args, { out: null })} --answers`,
      );
    }
    return EXIT.ok;
  }
  if (out === undefined) throw new UsageError('export needs --out.');
  const dtype = oneOf('--dtype', values.dtype ?? 'f32', ONNX_DTYPES);
  checkFree(out, ['config.json']); // before anything is downloaded
  const { saved, base } = await openSource(source);
  const files = [...(await onnxFiles(base, dtype, saved)), ...(saved ? [await cardOf(saved, base, 'onnx')] : [])];
  // config.json last: a folder without it does not pass for a model.
  await writeAll(out, [...files].reverse(), terminal);
  const tooLarge = whyTooLarge(base.config, dtype);
  terminal.event({ type: 'exported', out, dtype, files: pathsOf(files), fitsOnnxruntimeWeb: tooLarge === null });
  if (tooLarge !== null) terminal.note(`A browser cannot run this export. ${tooLarge}`);
  return EXIT.ok;
}

/** @throws GorpError `run/out-is-taken` if the folder has one of the files. */
function checkFree(out: string, paths: readonly string[]): void {
  const taken = paths.find((path) => existsSync(join(out, path)));
  if (taken === undefined) return;
  throw new GorpError('run/out-is-taken', `${out} has a file ${taken} already.`, 'Name another folder with --out.');
}

const pathsOf = (files: readonly OutputFile[]): string[] => files.map(({ path }) => path);

/** @throws GorpError `run/out-is-taken`, `store/failed`. */
async function writeAll(out: string, files: readonly OutputFile[], terminal: Terminal): Promise<void> {
  checkFree(out, pathsOf(files));
  await writeTogether(out, files, (path) => terminal.live(`Writing ${path}`));
  terminal.result(`Wrote ${pathsOf(files).join(', ')} to ${out}.`);
}

/** The source of an export: a round, a model, or a round with its base model. */
interface Source {
  readonly round: string | undefined;
  readonly model: string | undefined;
  readonly terminal: Terminal;
}

async function openSource({ round, model = '', terminal }: Source): Promise<{ saved?: SavedRound; base: ModelFiles }> {
  if (round === undefined) return { base: await openShown(model, terminal) };
  const { round: saved } = await openTaught(round);
  return { saved, base: await openTrainedModel(saved, model === '' ? undefined : model, terminal) };
}

/** Answers the tests that come with the model, and tells how many answers stay the same. */
async function countSame(
  saved: SavedRound,
  base: ModelFiles,
  dtype: GgufDtype,
  choice: DeviceChoice,
  terminal: Terminal,
): Promise<void> {
  const { device } = await openDevice(choice, nodeDeviceHost());
  try {
    const found = await sameAnswers(device, base, saved, dtype, (done, all) =>
      terminal.live(`Answering the tests, as taught and with ${GGUF_WORDS[dtype]}: ${done} of ${all}`),
    );
    terminal.event({ type: 'same-answers', dtype, ...found });
    terminal.result(sameAnswersText(dtype, found));
  } finally {
    await device.destroy();
  }
}

/** @param dtype null for the adapter alone. */
async function ggufExport(
  { model = '' }: Source,
  { saved, base }: Awaited<ReturnType<typeof openSource>>,
  dtype: GgufDtype | null,
): Promise<OutputFile[]> {
  if (saved !== undefined) return roundAsGguf(base, saved, dtype);
  // A model that knows conversations is asked in one.
  const template = templateOf(base.tokenizerConfig, await base.chatTemplate());
  const asking = { promptForm: template === null ? 'raw' : 'chat', maxNewTokens: MAX_NEW_TOKENS } as const;
  const written = dtype ?? 'f16';
  return ggufFiles(base, { name: mergedName(model, '', written), dtype: written, asking });
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

export const MERGE_USAGE = `Usage: gorp-web merge --round DIR --out DIR [--model NAME]

Writes a model with everything that it was taught merged in, as Hugging Face lays models out: safetensors,
sharded above 5 GB, config.json and the tokenizer's files.

  --round DIR      the model: the folder that was --out of a run, that of one of its tasks, or a file of models share
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
  checkFree(out, ['config.json']); // before anything is downloaded
  const { round: saved } = await openTaught(round);
  const base = await openTrainedModel(saved, values.model, terminal);
  const merged = await mergedModelFiles(base, saved);
  const files = [await cardOf(saved, base, 'safetensors'), ...merged];
  await writeAll(out, files, terminal);
  terminal.event({ type: 'merged', out, files: pathsOf(files) });
  return EXIT.ok;
}
