import { existsSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { formatBytes } from '../base/units.ts';
import { GorpError } from '../base/errors.ts';
import { sharedFiles } from '../run/files/shared-model.ts';
import { inspectTexts } from '../run/models/open-network.ts';
import { zipped } from '../weights/exports/zip.ts';
import { authorizedFetch, checkAccess } from '../weights/hub.ts';
import { refetchByRange } from '../weights/ranges.ts';
import type { StoredModel } from '../weights/model-messages.ts';
import { listModels, removeModel, verifyModel } from '../weights/stored-models.ts';
import type { WeightStore } from '../weights/store.ts';
import { readArguments, refuseOptions } from './arguments.ts';
import { removeDraftsOf } from './durable-write.ts';
import { EXIT, UsageError } from './exit.ts';
import { hubAccess, modelsFolder, openModels, openNamedModel } from './named-models.ts';
import { writeFiles } from './round-folder.ts';
import { describeTaught, openTaught, taughtLessons } from './taught-model.ts';
import { Terminal } from './terminal.ts';

export const MODELS_USAGE = `Usage: gorp-web models list
       gorp-web models fetch NAME
       gorp-web models verify NAME
       gorp-web models delete NAME
       gorp-web models show DIR|FILE
       gorp-web models share DIR --out FILE [--with-tests]

Manages models fetched from the hub or from an address. NAME is org/name[@revision] or an address; verify and delete
also take a name that list shows. A GGUF file is org/name[@revision]:FILE.gguf or an address ending in .gguf. Models are stored in GORP_WEB_CACHE, by default ~/.cache/gorp-web/models.
show tells what a model was taught: DIR is the folder that was --out of a run, or that of one of its tasks.
share writes it into one file, a zip, for somebody else: train --from FILE teaches it more, models show FILE tells what
it was taught. The base model is not in it; the file names it.
HF_TOKEN opens gated repositories; HF_ENDPOINT names another hub.

  --out FILE       the file that share writes
  --with-tests     share the texts of its tests too, by which the other sees what the model forgets
  --json           one JSON object on stdout
  --help`;

/** `gorp-web models`. @returns the exit code. */
export async function models(args: string[]): Promise<number> {
  const { values, positionals } = readArguments(args, {
    out: { type: 'string' },
    'with-tests': { type: 'boolean', default: false },
  } as const);
  const terminal = new Terminal(values.json);
  const [action, name, ...rest] = positionals;
  if (rest.length > 0 || (action === 'list') !== (name === undefined))
    throw new UsageError('models takes list, fetch, verify or delete with a NAME, or show or share with a folder.');
  if (action !== 'share') refuseOptions(args, ['out', 'with-tests'], 'they are for models share');
  if (action === 'show') {
    const model = await openTaught(name);
    const { settings } = model.round.results;
    terminal.event({
      type: 'taught',
      base: settings.model,
      method: settings.method.name,
      tasks: taughtLessons(model).map(({ name }) => name),
    });
    terminal.result(describeTaught(model));
    return EXIT.ok;
  }
  if (action === 'share') return share(name, values.out, values['with-tests'], terminal);
  const store = await openModels();
  switch (action) {
    case 'list':
      return list(store, terminal);
    case 'fetch':
      await openNamedModel(name, {
        inspect: inspectTexts,
        onProgress: ({ file, bytes, totalBytes }) =>
          terminal.live(
            `Loading ${file}: ${formatBytes(bytes)} of ${totalBytes === null ? '?' : formatBytes(totalBytes)}`,
          ),
      });
      terminal.event({ type: 'fetched', model: name });
      terminal.result(`${name} is downloaded.`);
      return EXIT.ok;
    case 'verify':
      return verify(store, await find(store, name), terminal);
    case 'delete': {
      const { folder, reference, bytes } = await find(store, name);
      await removeModel(store, folder);
      terminal.event({ type: 'deleted', model: reference, bytes });
      terminal.result(`Deleted ${reference}, ${formatBytes(bytes)}.`);
      return EXIT.ok;
    }
    default:
      throw new UsageError(`Unknown action ${JSON.stringify(action)}.`);
  }
}

async function share(path: string, out: string | undefined, withTests: boolean, terminal: Terminal): Promise<number> {
  if (out === undefined) throw new UsageError('models share needs --out FILE.');
  if (existsSync(out)) throw new GorpError('run/out-is-taken', `${out} exists already.`, 'Name another file.');
  const model = await openTaught(path);
  const files = await sharedFiles(model.open, { withTests });
  await removeDraftsOf(out);
  await writeFiles(dirname(out), [{ path: basename(out), content: () => zipped(files) }]);
  const tests = model.round.state.lessons.reduce((sum, lesson) => sum + (lesson.tests?.asked.length ?? 0), 0);
  const { size: bytes } = await stat(out);
  terminal.event({ type: 'shared', out, bytes, tests: withTests ? tests : 0 });
  const { examples } = model.round.state.learner.progress;
  const own = examples.length === 0 ? '' : ` It holds ${examples.length} training examples, which its method repeats.`;
  const texts = withTests ? `with the texts of ${tests} tests` : `without the texts of its ${tests} tests`;
  terminal.result(`Wrote ${out}, ${formatBytes(bytes)}, ${texts}.${own}\n${describeTaught(model)}`);
  return EXIT.ok;
}

async function list(store: WeightStore, terminal: Terminal): Promise<number> {
  const all = await listModels(store);
  terminal.event({ type: 'models', folder: modelsFolder(), models: all });
  const lines = all.map(
    ({ reference, bytes, isComplete }) =>
      `${reference}  ${formatBytes(bytes)}${isComplete ? '' : '  (incomplete: fetch resumes it)'}`,
  );
  terminal.result(lines.length === 0 ? `No models are stored in ${modelsFolder()}.` : lines.join('\n'));
  return EXIT.ok;
}

async function verify(
  store: WeightStore,
  { folder, reference, isComplete }: StoredModel,
  terminal: Terminal,
): Promise<number> {
  const refetch = refetchByRange({ fetch: authorizedFetch(checkAccess(hubAccess())) });
  const { mended, removed } = await verifyModel(store, folder, refetch, ({ bytes, totalBytes }) =>
    terminal.live(`Checking ${reference}: ${formatBytes(bytes)} of ${formatBytes(totalBytes)}`),
  );
  terminal.event({
    type: 'verified',
    model: reference,
    isComplete: isComplete && removed.length === 0,
    mended,
    removed,
  });
  if (mended.length > 0) terminal.result(`Damaged parts were downloaded again: ${mended.join(', ')}.`);
  if (removed.length > 0) {
    terminal.result(`Damaged and removed: ${removed.join(', ')}. "gorp-web models fetch" downloads them again.`);
    return EXIT.input;
  }
  if (!isComplete) {
    terminal.result(`${reference} is incomplete. "gorp-web models fetch" resumes it.`);
    return EXIT.input;
  }
  terminal.result(`${reference} is intact.`);
  return EXIT.ok;
}

/** A stored model by its name, its repository's name or its address. @throws GorpError `store/no-model`. */
async function find(store: WeightStore, name: string): Promise<StoredModel> {
  const all = await listModels(store);
  const isNamed = ({ reference, folder }: StoredModel): boolean =>
    [reference, reference.replace(/@[^:]*/, ''), folder, folder.replace(/\/$/, '')].includes(name);
  const found = all.filter(isNamed);
  if (found.length === 1) return found[0];
  const which = all.map(({ reference }) => reference).join(', ') || 'none';
  throw new GorpError(
    'store/no-model',
    found.length === 0 ? `No model ${name} is stored.` : `${found.length} versions of ${name} are stored.`,
    `Name one of these: ${which}.`,
  );
}
