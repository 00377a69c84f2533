import { formatBytes } from '../base/format-bytes.ts';
import { GorpError } from '../base/errors.ts';
import { inspectTexts } from '../run/models/open-network.ts';
import { authorizedFetch, checkAccess } from '../weights/hub.ts';
import { refetchByRange } from '../weights/refetch.ts';
import type { StoredModel } from '../weights/model-messages.ts';
import { listModels, removeModel, verifyModel } from '../weights/stored-models.ts';
import type { WeightStore } from '../weights/store.ts';
import { readArguments } from './arguments.ts';
import { EXIT, UsageError } from './exit-codes.ts';
import { hubAccess, modelsFolder, openModels, openNamedModel } from './named-models.ts';
import { describeTaught, openTaught, taughtLessons } from './taught-model.ts';
import { Terminal } from './terminal.ts';

export const MODELS_USAGE = `Usage: gorp-web models list
       gorp-web models fetch NAME
       gorp-web models verify NAME
       gorp-web models delete NAME
       gorp-web models show DIR

Manages models fetched from the hub or from an address. NAME is org/name[@revision] or an address; verify and delete
also take a name that list shows. A GGUF file is org/name[@revision]:FILE.gguf or an address ending in .gguf. Models are stored in GORP_WEB_CACHE, by default ~/.cache/gorp-web/models.
show tells what a model was taught: DIR is the folder that was --out of a run, or that of one of its tasks.
HF_TOKEN opens gated repositories; HF_ENDPOINT names another hub.

  --json           one JSON object on stdout
  --help`;

/** `gorp-web models`. @returns the exit code. */
export async function models(args: string[]): Promise<number> {
  const { values, positionals } = readArguments(args, {});
  const terminal = new Terminal(values.json);
  const [action, name, ...rest] = positionals;
  if (rest.length > 0 || (action === 'list') !== (name === undefined))
    throw new UsageError('models takes list, fetch, verify or delete with a NAME, or show with a folder.');
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
