import { type ErrorReport, GorpError, reportOf } from '../../base/errors.ts';
import { pickedReference } from '../../weights/model-reference.ts';
import type { ModelAccess } from '../../weights/source.ts';
import type { CompareActions } from '../compare/compare-actions.ts';
import type { HandOverActions } from '../handover/handover.ts';
import type { Picked } from '../models/picked-files.ts';
import { isActive } from '../run-state.ts';
import type { SetUpActions } from '../setup/setup-actions.ts';
import type { PageStore } from '../store.ts';
import type { GivenFile, TaskActions } from '../tasks/actions.ts';
import { sortFiles } from './sort-files.ts';

/** Checks a model's files without running it; resolves to why they cannot be used, or null. */
export type AskForModelCheck = (command: { model: string; access: ModelAccess }) => Promise<ErrorReport | null>;

/** Opens the rounds of a run in _Try it_. */
export type OpenRounds = (picked: Picked, access: ModelAccess) => Promise<void>;

/** What becomes of files that a person drops on the page or chooses as a model. */
export interface FileActions {
  /** Takes files up where they belong, or says why not (`dropProblem`). */
  readonly takeFiles: (files: readonly GivenFile[] | Promise<readonly GivenFile[]>) => Promise<void>;
  /** Checks the files of a model, and chooses it if they can be used. */
  readonly takeModel: (picked: Picked) => Promise<void>;
  readonly closeDropProblem: () => void;
}

interface Parts {
  readonly tasks: TaskActions;
  readonly compare: CompareActions;
  readonly handOver: HandOverActions;
  readonly setUp: Pick<SetUpActions, 'chooseModel' | 'giveFiles'>;
  readonly check: AskForModelCheck;
  readonly openRounds: OpenRounds;
}

export function createFileActions(store: PageStore, { tasks, compare, handOver, setUp, check, openRounds }: Parts) {
  const { getState, setState } = store;

  const takeModel = async ({ name, files }: Picked): Promise<void> => {
    setState({ checkingModel: name, dropProblem: null });
    const model = pickedReference(name);
    const { access } = getState();
    const problem = await check({ model, access: { ...access, picked: new Map([[name, files]]) } });
    if (getState().checkingModel !== name) return; // others were chosen meanwhile
    setState({ checkingModel: null, dropProblem: problem });
    if (problem !== null) return;
    refuseDuringRun();
    setUp.giveFiles(name, files);
    // Files given again after a reload change no setting.
    if (getState().draft.model !== model) setUp.chooseModel(model);
    setState({ refused: null });
  };

  const refuseDuringRun = (): void => {
    if (!isActive(getState().run.status)) return;
    throw new GorpError(
      'settings/locked',
      'A run is on, and its settings are locked.',
      'Stop the run or wait for its end, then drop the files again.',
    );
  };

  const take = async (files: readonly GivenFile[]): Promise<void> => {
    if (files.length === 0) return;
    const sorted = await sortFiles(files);
    const show = (tab: 'compare' | 'try'): void => setState(({ view }) => ({ view: { ...view, tab } }));
    switch (sorted.kind) {
      case 'results':
        show('compare');
        await compare.takeFiles(sorted.files.map(({ file }) => file));
        return;
      case 'rounds':
        show('try');
        await openRounds({ name: sorted.name, files: pickedOf(sorted.files) }, getState().access);
        return;
      case 'set-up':
        refuseDuringRun();
        await handOver.openFile(sorted.file);
        return;
      case 'model':
        refuseDuringRun();
        await takeModel({ name: sorted.name, files: pickedOf(sorted.files) });
        return;
      case 'tasks':
        refuseDuringRun();
        await tasks.give(sorted.files);
        // Shown where every refusal is: the form may be folded.
        setState(({ taskProblem }) => (taskProblem === null ? {} : { taskProblem: null, dropProblem: taskProblem }));
    }
  };

  const actions: FileActions = {
    takeModel: (picked) => guarded(() => takeModel(picked)),
    takeFiles: (files) => guarded(async () => take(await files)),
    closeDropProblem: () => setState({ dropProblem: null }),
  };
  async function guarded(work: () => Promise<void>): Promise<void> {
    setState({ dropProblem: null });
    try {
      await work();
    } catch (thrown) {
      setState({ dropProblem: reportOf(thrown) });
    }
  }
  return actions;
}

const pickedOf = (files: readonly GivenFile[]): Picked['files'] =>
  files.map(({ path, file }) => ({ path, blob: file }));
