import { versionText } from '../base/version.ts';
import { type FunctionsFor, inTurn, serve, teller } from '../base/worker-calls.ts';
import { inspectTexts } from '../run/models/open-network.ts';
import { authorizedFetch, checkAccess, listGgufs } from '../weights/hub.ts';
import { parseModelReference } from '../weights/model-reference.ts';
import { refetchByRange } from '../weights/ranges.ts';
import { type ModelAccess, openModel, requireReference } from '../weights/source.ts';
import { openBrowserStore } from '../weights/store.ts';
import { listModels, removeModel, verifyModel } from '../weights/stored-models.ts';
import { openPlaces } from './hosts.ts';
import type { ModelsCommand, ModelsEvent } from './protocol.ts';

// The worker that manages stored models: it fetches, checks and removes them while nothing trains.
declare const self: DedicatedWorkerGlobalScope;

const emit = teller<ModelsEvent>(self);
let stop = new AbortController();

/** Work that may change the store, one after another; what is stored is told after it. */
const turn = inTurn();
const changing = <Command>(work: (command: Command) => Promise<void>): ((command: Command) => Promise<void>) =>
  turn(async (command) => {
    try {
      await work(command);
    } finally {
      await tellStored();
    }
  });

const functions: FunctionsFor<ModelsCommand> = {
  list: changing(() => Promise.resolve()),
  fetch: changing(({ model, access }) => fetchModel(model, access)),
  break: () => stop.abort(),
  'list-ggufs': changing(({ model, access }) => tellGgufs(model, access)),
  verify: changing(({ folder, access }) => verify(folder, access)),
  remove: changing(async ({ folder }) => removeModel(await openBrowserStore(), folder)),
};
serve(self, versionText(), functions);

async function verify(folder: string, { hub }: ModelAccess): Promise<void> {
  const refetch = refetchByRange({ fetch: authorizedFetch(checkAccess(hub)) });
  const verdict = await verifyModel(await openBrowserStore(), folder, refetch, (progress) =>
    emit({ type: 'verifying', folder, progress }),
  );
  emit({ type: 'verified', folder, verdict });
}

async function fetchModel(model: string, access: ModelAccess): Promise<void> {
  stop = new AbortController();
  const reference = requireReference(parseModelReference(model), model);
  const { signal } = stop;
  try {
    await openModel(reference, await openPlaces(access), {
      signal,
      inspect: inspectTexts,
      onProgress: (progress) => emit({ type: 'fetching', model, progress }),
    });
    emit({ type: 'fetched', model });
  } catch (thrown) {
    if (!signal.aborted) throw thrown;
    emit({ type: 'broken-off', model });
  }
}

/** Lists the GGUF files of a repository: one request to the hub. */
async function tellGgufs(model: string, { hub }: ModelAccess): Promise<void> {
  const reference = requireReference(parseModelReference(model), model);
  if (reference.kind !== 'hub') throw new Error('only repositories have lists of files');
  emit({ type: 'ggufs', model, files: await listGgufs(reference, hub) });
}

async function tellStored(): Promise<void> {
  const models = await listModels(await openBrowserStore());
  const { usage = null, quota = null } = (await navigator.storage?.estimate?.()) ?? {};
  emit({ type: 'stored', models, usageBytes: usage, quotaBytes: quota });
}
