import { reportOf } from '../base/errors.ts';
import { baseOf, checkBase } from '../run/outputs/saved-round.ts';
import type { OutputFile } from '../weights/exports/output-file.ts';
import { mergedModelFiles } from '../weights/exports/merged-model.ts';
import { zipped } from '../weights/exports/zip.ts';
import { parseModelReference } from '../weights/model-reference.ts';
import { type ModelAccess, openModel, requireReference } from '../weights/source.ts';
import { downloadFile, importRound, keptFiles, openLastRound, piecesOf, roundsOf, writeHandle } from './kept-rounds.ts';
import { openPlaces } from './places.ts';
import type { ExportsCommand, ExportsEvent } from './protocol.ts';

// The worker that writes archives of what a run leaves behind. It streams: no file is ever whole in memory.
declare const self: DedicatedWorkerGlobalScope;

const emit = (event: ExportsEvent): void => self.postMessage(event);
/** Commands follow each other. */
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
    case 'zip': {
      const files = (await keptFiles()).map(({ path, file }): OutputFile => {
        return { path, content: () => piecesOf(file) };
      });
      await write(files, command.name, command.to);
      break;
    }
    case 'merge':
      await write(await mergedFiles(command.access), command.name, command.to);
      break;
  }
  await tellKept();
}

/** Writes a zip to where the person wants it, or to the private file system for the page to hand to the downloads. */
async function write(files: readonly OutputFile[], name: string, to: FileSystemFileHandle | null): Promise<void> {
  const handle = to ?? (await downloadFile(name));
  await writeHandle(handle, counted(zipped(files)));
  emit({ type: 'written', name, file: to === null ? await handle.getFile() : null });
}

/** Tells how much has been written, a few times a second. */
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

async function mergedFiles(access: ModelAccess): Promise<OutputFile[]> {
  const saved = await openLastRound();
  const model = baseOf(saved);
  const base = await openModel(requireReference(parseModelReference(model), model), await openPlaces(access));
  await checkBase(saved, model, base);
  return mergedModelFiles(base, saved.changed, saved.changes);
}

async function tellKept(): Promise<void> {
  const files = await keptFiles();
  const rounds = roundsOf(files);
  const goesOn = rounds.some(({ hasWeights }) => hasWeights) ? await openLastRound() : null;
  emit({ type: 'kept', rounds, last: goesOn && { round: goesOn.round, settings: goesOn.results.settings } });
}
