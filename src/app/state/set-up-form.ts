import { FAMILY_MODULES, type ModelModules } from '../../run/settings/trained-modules.ts';
import type { ModelSummary } from '../../run/files/model-line.ts';
import type { MethodName } from '../../methods/registry.ts';
import { embeddedSettings, type PresetName, publishedSettings } from '../../run/planning/presets.ts';
import { type RunSettings, watching } from '../../run/settings/settings.ts';
import { type ModelDefaults, firstModelDefaults } from '../../run/planning/text-lengths.ts';
import { promptLengthNext, withModel } from '../../run/settings/starting-values.ts';
import { publishedOrder } from '../../tasks/orders.ts';
import { isEmbeddedText } from '../../tasks/embedded-tasks.ts';
import { embeddedModel } from '../../weights/embedded-models.ts';
import { HUB, withEndpoint } from '../../weights/hub.ts';
import type { PickedFile } from '../../weights/picked-folder.ts';
import type { ModelAccess } from '../../weights/source.ts';
import type { Preferences } from './preferences.ts';
import { withMethod } from './queue.ts';
import type { RunSlice } from './run-state.ts';
import type { StoreOf } from './slice.ts';
import type { TasksSlice } from './task-store.ts';

/** The form: the settings of the next run, and what is known of its model. */
export interface SetUpSlice {
  /** The form's settings. They may fail the schema; an empty number is NaN. */
  readonly draft: RunSettings;
  /** Access to the model besides its name. Never stored, recorded or put into an address. */
  readonly access: ModelAccess;
  /** Settings that the chosen model has set by itself; null if the settings came from elsewhere. */
  readonly modelDefaults: ModelDefaults | null;
  /** The layers of the model that can be trained; null until known. */
  readonly modelModules: ModelModules | null;
  /** Whether the next run stores its model after every task. */
  readonly everyTask: boolean;
  /** The model that the next run teaches; its tasks are not in the draft. Null for the base model of the draft. */
  readonly teaches: Teaches | null;
}

/** A stored model that a run teaches more. */
export interface Teaches {
  readonly key: string;
  readonly model: ModelSummary;
}

/** The form's settings and the model that they teach. */
export type Form = Pick<SetUpSlice, 'draft' | 'teaches'>;

/** The form at the beginning. @param form that of the last visit; null for the usual one. */
export const setUpSlice = (form: Form | null): SetUpSlice => ({
  draft: form?.draft ?? embeddedSettings('full', 'gorp-plus'),
  access: { hub: { endpoint: HUB, token: null }, picked: new Map() },
  modelDefaults: null,
  modelModules: null,
  everyTask: true,
  teaches: form?.teaches ?? null,
});

/** Actions on the form, before a run starts. */
export interface SetUpActions {
  readonly edit: (change: (draft: RunSettings) => RunSettings) => void;
  /** Takes the settings of another run as they are, for a run from the beginning. */
  readonly copySettings: (settings: RunSettings) => void;
  /** Chooses another model, with the default layers of its family and the starting values of its kind. */
  readonly chooseModel: (model: string) => void;
  /** Sets the hub. The token is cleared if that is another server. */
  readonly setHub: (endpoint: string) => void;
  readonly setToken: (token: string | null) => void;
  /** Gives the page access to the files of a picked model, for all runs that name it. */
  readonly giveFiles: (name: string, files: readonly PickedFile[]) => void;
  readonly choosePreset: (preset: PresetName) => void;
  /** Chooses a published order by id, with its settings but not its method. */
  readonly chooseOrder: (id: string) => void;
  readonly chooseMethod: (method: MethodName) => void;
  readonly prefer: (change: Partial<Preferences>) => void;
  /** Sets whether the next run stores its model after every task. */
  readonly storeEveryTask: (everyTask: boolean) => void;
  /** Makes the next run teach a stored model more, as it was taught before; null begins with its base model. */
  readonly teach: (model: Teaches | null) => void;
}

/** The form with settings from elsewhere: nothing that the model brings changes them, and they begin with a base model. */
export const formWith = (
  draft: RunSettings,
): Pick<SetUpSlice & RunSlice, 'draft' | 'teaches' | 'modelDefaults' | 'refused'> => ({
  draft,
  teaches: null,
  modelDefaults: null,
  refused: null,
});

export function createSetUpActions(
  store: StoreOf<SetUpSlice & Preferences & RunSlice, TasksSlice>,
  savePreferences: (change: Partial<Preferences>) => void,
): SetUpActions {
  const { setState } = store;

  const changeAccess = (change: (access: ModelAccess) => Partial<ModelAccess>): void =>
    setState(({ access }) => ({ access: { ...access, ...change(access) }, refused: null }));

  return {
    edit: (change) => setState(({ draft }) => ({ draft: change(draft), refused: null })),
    copySettings: (settings) => setState(formWith(settings)),
    chooseModel: (model) =>
      setState(({ draft, teaches }) => {
        // Its base, given again, perhaps under another name: the run compares it with the one that it was taught on.
        if (teaches !== null && [model, teaches.model.settings.model].every((one) => one.startsWith('picked:')))
          return { draft: { ...draft, model }, refused: null };
        const next = withModel(draft, model);
        const training = { ...next.training, ...FAMILY_MODULES };
        // What comes with the embedded models shows little of others.
        const watch = (draft.watch ?? []).filter((name) => embeddedModel(model) !== undefined || !isEmbeddedText(name));
        return { ...formWith(watching({ ...next, training }, watch)), modelDefaults: firstModelDefaults(model) };
      }),
    setHub: (endpoint) => changeAccess(({ hub }) => ({ hub: withEndpoint(hub, endpoint) })),
    setToken: (token) => changeAccess(({ hub }) => ({ hub: { ...hub, token } })),
    giveFiles: (name, files) => changeAccess(({ picked }) => ({ picked: new Map([...picked, [name, files]]) })),
    choosePreset: (preset) =>
      setState(({ draft }) => {
        const next = embeddedSettings(preset, draft.method.name, embeddedModel(draft.model)?.reference);
        return formWith({ ...next, training: { ...next.training, seed: draft.training.seed } });
      }),
    chooseMethod: (method) => setState(({ draft }) => ({ draft: withMethod(draft, method), refused: null })),
    chooseOrder: (id) => {
      const order = publishedOrder(id);
      if (order === undefined) return;
      setState(({ draft: { model, tasks: source, method, watch = [] }, userTasks }) => {
        const published = publishedSettings(order, method.name);
        const tasks = source === 'embedded' && userTasks.folder !== null ? 'picked' : source;
        const watched = watch.filter((name) => !published.order.includes(name));
        return formWith(watching({ model, tasks, ...published }, watched));
      });
    },
    prefer: (change) => {
      setState({ ...change, refused: null });
      savePreferences(change);
    },
    storeEveryTask: (everyTask) => setState({ everyTask }),
    teach: (teaches) =>
      setState(({ draft }) => {
        if (teaches === null) return formWith(draft);
        const { settings } = teaches.model;
        const { model, training } = settings;
        const sourceLength = promptLengthNext(settings);
        const next = { ...settings, order: [], training: { ...training, sourceLength } };
        delete next.perTask; // of tasks that it knows
        const { sourceLength: first } = firstModelDefaults(model);
        const modelDefaults = sourceLength === first ? { model, sourceLength, form: true } : null;
        return { ...formWith(next), teaches, modelDefaults };
      }),
  };
}
