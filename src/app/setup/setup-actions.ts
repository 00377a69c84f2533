import { FAMILY_MODULES } from '../../run/trained-modules.ts';
import type { MethodName } from '../../methods/registry.ts';
import { embeddedSettings, type PresetName, publishedSettings } from '../../run/presets.ts';
import type { RunSettings } from '../../run/settings.ts';
import { publishedOrder } from '../../tasks/orders.ts';
import { embeddedModel } from '../../weights/embedded-models.ts';
import { withEndpoint } from '../../weights/hub.ts';
import type { ModelAccess } from '../../weights/source.ts';
import type { Preferences } from '../device/preferences.ts';
import { withMethod } from '../queue/expand.ts';
import type { PageStore } from '../store.ts';

/** What a person can change before a run is started. */
export interface SetUpActions {
  readonly edit: (change: (draft: RunSettings) => RunSettings) => void;
  /** Another model, trained in the layers that its family gives. */
  readonly chooseModel: (model: string) => void;
  /** The hub to ask; its token is gone where that is another server. */
  readonly setHub: (endpoint: string) => void;
  readonly setToken: (token: string | null) => void;
  /** The files of a model that were picked. */
  readonly setFiles: (files: ModelAccess['files']) => void;
  readonly choosePreset: (preset: PresetName) => void;
  /** A published order by its id, with its settings; the method stays. */
  readonly chooseOrder: (id: string) => void;
  readonly chooseMethod: (method: MethodName) => void;
  readonly prefer: (change: Partial<Preferences>) => void;
  /** GiB of memory that runs may take; null for no limit. */
  readonly setMemoryBudget: (budget: number | null) => void;
  /** Whether the weights of every round are kept by the next run. */
  readonly keepEveryRound: (everyRound: boolean) => void;
  /** Lets the next run resume from a kept round, with its settings; null begins anew. */
  readonly resumeFrom: (last: { round: number; settings: RunSettings } | null) => void;
}

/** What is kept of it in this browser. */
export interface SetUpParts {
  readonly keepPreferences: (preferences: Preferences) => void;
  readonly keepBudget: (budget: number | null) => void;
}

export function createSetUpActions(store: PageStore, { keepPreferences, keepBudget }: SetUpParts): SetUpActions {
  const { getState, setState } = store;

  const changeAccess = (change: (access: ModelAccess) => Partial<ModelAccess>): void =>
    setState(({ access }) => ({ access: { ...access, ...change(access) }, refused: null }));

  return {
    edit: (change) => setState(({ draft }) => ({ draft: change(draft), refused: null })),
    chooseModel: (model) =>
      setState(({ draft }) => {
        const training = { ...draft.training, ...FAMILY_MODULES };
        return { draft: { ...draft, model, training }, refused: null };
      }),
    setHub: (endpoint) => changeAccess(({ hub }) => ({ hub: withEndpoint(hub, endpoint) })),
    setToken: (token) => changeAccess(({ hub }) => ({ hub: { ...hub, token } })),
    setFiles: (files) => changeAccess(() => ({ files })),
    choosePreset: (preset) =>
      setState(({ draft }) => {
        const next = embeddedSettings(preset, draft.method.name, embeddedModel(draft.model)?.reference);
        return { draft: { ...next, training: { ...next.training, seed: draft.training.seed } }, refused: null };
      }),
    chooseMethod: (method) => setState(({ draft }) => ({ draft: withMethod(draft, method), refused: null })),
    chooseOrder: (id) => {
      const order = publishedOrder(id);
      if (order === undefined) return;
      setState(({ draft: { model, tasks: source, method }, taskData }) => ({
        draft: {
          model,
          tasks: source === 'embedded' && taskData.folder !== null ? 'picked' : source,
          ...publishedSettings(order, method.name),
        },
        refused: null,
      }));
    },
    prefer: (change) => {
      setState({ ...change, refused: null });
      const { device, keepAwake, checkpointMinutes, gpuShare } = getState();
      keepPreferences({ device, keepAwake, checkpointMinutes, gpuShare });
    },
    setMemoryBudget: (memoryBudget) => {
      keepBudget(memoryBudget);
      setState({ memoryBudget, refused: null });
    },
    keepEveryRound: (everyRound) => setState({ everyRound }),
    resumeFrom: (last) =>
      setState(({ draft }) => ({
        draft: last?.settings ?? draft,
        resumePoint: last && { round: last.round },
        refused: null,
      })),
  };
}
