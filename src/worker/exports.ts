import { reportOf } from '../base/errors.ts';
import { roundAsGguf } from '../gguf/round.ts';
import { onnxFiles } from '../onnx/onnx-files.ts';
import { openBaseModel } from '../run/outputs/base-model.ts';
import { cardOf } from '../run/outputs/model-card.ts';
import { PREDICTIONS_FILE } from '../run/outputs/layout.ts';
import { useOfRound } from '../run/outputs/round-use.ts';
import type { SavedRound } from '../run/outputs/saved-round.ts';
import type { OutputFile } from '../weights/exports/output-file.ts';
import { mergedModelFiles } from '../weights/exports/merged-model.ts';
import { zipped } from '../weights/exports/zip.ts';
import type { ModelFiles } from '../weights/model-folder.ts';
import { parseModelReference } from '../weights/model-reference.ts';
import { type ModelAccess, openModel, requireReference } from '../weights/source.ts';
import { findLastRound, importRound, keptFiles, openLastRound, roundsOf } from './kept-rounds.ts';
import { openPlaces } from './places.ts';
import { show } from './run-folders.ts';
import { keptModels, removeModel } from './run-models.ts';
import { downloadFile, piecesOf, writeHandle } from './private-files.ts';
import type { ExportsCommand, ExportsEvent, KeptFile } from './protocol.ts';

// The worker that writes archives of a run's files. It streams: no file is ever whole in memory.
declare const self: DedicatedWorkerGlobalScope;

const emit = (event: ExportsEvent): void => self.postMessage(event);
/** Bytes of a round's predictions in which to look for an example of its use. */
const SHOWN_BYTES = 2 ** 16;
/** Commands run one after another. */
let last: Promise<void> = Promise.resolve();

self.onmessage = ({ data }: MessageEvent<ExportsCommand>) => {
  last = last.then(() => obey(data)).catch((thrown: unknown) => emit({ type: 'failed', error: reportOf(thrown) }));
};

async function obey(command: ExportsCommand): Promise<void> {
  switch (command.type) {
    case 'list':
      break;
    case 'import':
      await importRound(command.files);
      break;
    case 'use-model':
      await show(command.folder);
      break;
    case 'remove-model':
      await removeModel(command.folder);
      break;
    case 'zip': {
      const files = (await keptFiles()).map(({ path, file }): OutputFile => {
        return { path, content: () => piecesOf(file) };
      });
      await write(files, command.name, command.to);
      break;
    }
    case 'merge': {
      const { saved, base } = await openTrained(command.access);
      const files = await mergedModelFiles(base, saved.changed, saved.changes);
      await write([await cardOf(saved, base, 'safetensors'), ...files], command.name, command.to);
      break;
    }
    case 'onnx': {
      const { saved, base } = await openTrained(command.access);
      const files = await onnxFiles(base, command.dtype, saved);
      await write([await cardOf(saved, base, 'onnx'), ...files], command.name, command.to);
      break;
    }
    case 'gguf': {
      const { saved, base } = await openTrained(command.access);
      await write(await roundAsGguf(base, saved, command.dtype), command.name, command.to);
      break;
    }
  }
  await tellKept();
}

/** Writes a zip where the user wants it, or to the private file system for the page to download. */
async function write(files: readonly OutputFile[], name: string, to: FileSystemFileHandle | null): Promise<void> {
  const handle = to ?? (await downloadFile(name));
  await writeHandle(handle, counted(zipped(files)));
  emit({ type: 'written', name, file: to === null ? await handle.getFile() : null });
}

/** Reports how much has been written, a few times a second. */
async function* counted(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  let told = 0;
  for await (const piece of pieces) {
    yield piece;
    bytes += piece.length;
    if (performance.now() - told < 200) continue;
    told = performance.now();
    emit({ type: 'writing', bytes });
  }
}

/** The last round and the model it was trained on. */
async function openTrained(access: ModelAccess): Promise<{ saved: SavedRound; base: ModelFiles }> {
  const saved = await openLastRound();
  const open = async (model: string): Promise<ModelFiles> =>
    openModel(requireReference(parseModelReference(model), model), await openPlaces(access));
  return { saved, base: await openBaseModel(saved, open) };
}

async function tellKept(): Promise<void> {
  const files = await keptFiles();
  const { last, folder, broken } = await findLastRound(files);
  const told = last && {
    round: last.round,
    settings: last.results.settings,
    use: useOfRound(last, folder.replace(/\/$/, ''), await beginningOf(files, folder + PREDICTIONS_FILE)),
  };
  emit({ type: 'kept', rounds: roundsOf(files), last: told, broken, models: await keptModels() });
}

/** The first lines of a file; empty if there is none. */
async function beginningOf(files: readonly KeptFile[], path: string): Promise<string> {
  const file = files.find((one) => one.path === path)?.file;
  const text = (await file?.slice(0, SHOWN_BYTES).text()) ?? '';
  return text.slice(0, text.lastIndexOf('\n') + 1); // whole lines
}
