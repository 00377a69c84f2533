import { versionText } from '../base/version.ts';
import { type FunctionsFor, inTurn, serve, teller } from '../base/worker-calls.ts';
import { roundAsGguf } from '../gguf/round.ts';
import { onnxFiles } from '../onnx/onnx-files.ts';
import { PREDICTIONS_FILE } from '../run/files/layout.ts';
import { cardOf } from '../run/files/model-card.ts';
import { useOfRound } from '../run/files/round-use.ts';
import { openBaseModel, type SavedRound } from '../run/files/saved-round.ts';
import { sharedFiles } from '../run/files/shared-model.ts';
import { mergedModelFiles } from '../weights/exports/merge.ts';
import type { OutputFile } from '../weights/exports/output-file.ts';
import { zipped } from '../weights/exports/zip.ts';
import type { ModelFiles } from '../weights/model-folder.ts';
import { parseModelReference } from '../weights/model-reference.ts';
import { type ModelAccess, openModel, requireReference } from '../weights/source.ts';
import { deviceHost, openPlaces } from './hosts.ts';
import { downloadFile, piecesOf, removeDownloaded, writeHandle } from './private-files.ts';
import type { ExportsCommand, ExportsEvent, ModelChoice, StoredFile } from './protocol.ts';
import { show } from './run-folders.ts';
import {
  filesOfLine,
  importModel,
  opensTaught,
  openTaught,
  removeTaught,
  roundsIn,
  usedModel,
} from './taught-models.ts';

// The worker that writes archives of a run's files. It streams: no file is ever whole in memory.
declare const self: DedicatedWorkerGlobalScope;

const emit = teller<ExportsEvent>(self);
/** Bytes of a round's predictions in which to look for an example of its use. */
const SHOWN_BYTES = 2 ** 16;

/** Work on the stored rounds, one after another; what is stored is told after it. */
const turn = inTurn();
const working = <Command extends { model: ModelChoice }>(
  work: (command: Command) => Promise<ModelChoice | void>,
): ((command: Command) => Promise<void>) =>
  turn(async (command) => {
    await tellStored((await work(command)) ?? command.model);
  });

const functions: FunctionsFor<ExportsCommand> = {
  list: working(() => removeDownloaded().catch(() => undefined)), // without a store there is none
  import: working(async ({ files }) => ({ model: await importModel(files) })),
  'use-model': working(async ({ model }) => {
    const { used, isAsked } = await usedModel(model);
    if (used !== null && isAsked) await show(used.key);
  }),
  'remove-model': working(({ key }) => removeTaught(key)),
  zip: working(async ({ name, to, key }) => {
    await opensTaught(key); // it is still there
    const files = (await filesOfLine(key)).map(({ path, file }): OutputFile => {
      return { path, content: () => piecesOf(file) };
    });
    await write(files, name, to);
  }),
  share: working(async ({ name, to, withTests, key }) => {
    await write(await sharedFiles(await opensTaught(key), { withTests }), name, to);
  }),
  merge: working(async ({ name, to, access, key }) => {
    const { saved, base } = await openTrained(access, key);
    const files = await mergedModelFiles(base, saved);
    await write([await cardOf(saved, base, 'safetensors'), ...files], name, to);
  }),
  onnx: working(async ({ name, to, access, dtype, key }) => {
    const { saved, base } = await openTrained(access, key);
    const files = await onnxFiles(base, dtype, saved);
    await write([await cardOf(saved, base, 'onnx'), ...files], name, to);
  }),
  gguf: working(async ({ name, to, access, dtype, key }) => {
    const { saved, base } = await openTrained(access, key);
    await write(await roundAsGguf(base, saved, dtype), name, to);
  }),
  'same-answers': working(async ({ access, dtype, key, device: choice }) => {
    // Loaded on request: a device and networks are as large as the rest of this worker.
    const { openDevice } = await import('../device/choice.ts');
    const { checkComparable, sameAnswers } = await import('../gguf/same-answers.ts');
    const { saved, base } = await openTrained(access, key);
    checkComparable(saved);
    const { device } = await openDevice(choice, deviceHost());
    try {
      const same = await sameAnswers(device, base, saved, dtype, (done, all) => emit({ type: 'answering', done, all }));
      emit({ type: 'answered', key, dtype, same });
    } finally {
      await device.destroy();
    }
  }),
};
serve(self, versionText(), functions);

/** Writes a zip where the user wants it, or to the private file system for the page to download. */
async function write(files: readonly OutputFile[], name: string, to: FileSystemFileHandle | null): Promise<void> {
  const handle = to ?? (await downloadFile(name));
  await writeHandle(handle, counted(zipped(files)));
  emit({ type: 'written', name, file: to === null ? await handle.getFile() : null });
}

/** Reports how much has been written, a few times a second. */
async function* counted(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  let reportedAt = 0;
  for await (const piece of pieces) {
    yield piece;
    bytes += piece.length;
    if (performance.now() - reportedAt < 200) continue;
    reportedAt = performance.now();
    emit({ type: 'writing', bytes });
  }
}

/** A model that was taught, and its base. */
async function openTrained(access: ModelAccess, key: string): Promise<{ saved: SavedRound; base: ModelFiles }> {
  const saved = await openTaught(key);
  const open = async (model: string): Promise<ModelFiles> =>
    openModel(requireReference(parseModelReference(model), model), await openPlaces(access));
  return { saved, base: await openBaseModel(saved, open) };
}

async function tellStored(choice: ModelChoice): Promise<void> {
  const { used, saved, isAsked, broken, models } = await usedModel(choice);
  const files = await filesOfLine(used?.key ?? null, models);
  const folder = used?.key.slice(used.key.indexOf('/') + 1) ?? '';
  const last = saved && {
    round: saved.round,
    settings: saved.results.settings,
    use: useOfRound(saved, folder, await beginningOf(files, `${folder}/${PREDICTIONS_FILE}`)),
  };
  emit({ type: 'kept', used: used?.key ?? null, isAsked, rounds: roundsIn(files), last, broken, models });
}

/** The first lines of a file; empty if there is none. */
async function beginningOf(files: readonly StoredFile[], path: string): Promise<string> {
  const file = files.find((one) => one.path === path)?.file;
  const text = (await file?.slice(0, SHOWN_BYTES).text()) ?? '';
  return text.slice(0, text.lastIndexOf('\n') + 1); // whole lines
}
