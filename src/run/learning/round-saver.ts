import { GorpError, reportOf } from '../../base/errors.ts';
import type { ModelFiles } from '../../weights/model-folder.ts';
import { sparsely } from '../files/byte-reports.ts';
import { bytesOf, type RunState } from '../files/saved-run.ts';
import type { RunControl } from './control.ts';
import type { RoundOutput, RunHost } from '../events/host.ts';
import { type EndedRound, resultFiles, roundFiles, testFiles } from '../files/round-files.ts';
import type { Results } from '../results/results.ts';
import type { TestOfTask } from './round-tests.ts';

/** What saving the files of rounds needs. */
export interface RoundSaverParts {
  readonly host: RunHost;
  readonly control: RunControl;
  readonly model: ModelFiles;
  readonly orderFolder: string;
  readonly progress: (folder: string, done: number, total: number, unit: 'items' | 'bytes') => void;
  /** Called with the seconds that saving took. */
  readonly saved: (seconds: number) => void;
  /** Waits until a person resumes the run. @throws Stopped */
  readonly waitForPerson: () => Promise<void>;
}

/**
 * Passes the files of rounds to the host. A run never goes on without them: it waits for room, or ends, so that it can
 * resume from its last checkpoint and save them.
 */
export class RoundSaver {
  readonly #parts: RoundSaverParts;

  constructor(parts: RoundSaverParts) {
    this.#parts = parts;
  }

  /** @param state all that the next round depends on. */
  async saveRound(folder: string, ended: EndedRound, state: RunState): Promise<void> {
    const { host, model, orderFolder, progress } = this.#parts;
    const total = bytesOf(state);
    const onBytes = sparsely(
      () => host.now(),
      (bytes) => progress(folder, Math.min(bytes, total), total, 'bytes'),
    );
    const trained = await roundFiles(state, model, onBytes);
    await this.#save({ orderFolder, roundFolder: folder, results: resultFiles(ended), trained, soFar: state.results });
  }

  /** The files of a test without training. */
  async saveTests(tests: TestOfTask[], soFar: Results): Promise<void> {
    const { orderFolder } = this.#parts;
    await this.#save({ orderFolder, roundFolder: 'test', results: testFiles(tests), trained: [], soFar });
  }

  async #save(output: RoundOutput): Promise<void> {
    const { host, control, progress, saved, waitForPerson } = this.#parts;
    if (!host.saveRound) return;
    for (;;) {
      progress(output.roundFolder, 0, 1, 'items');
      const began = control.seconds;
      try {
        await host.saveRound(output);
        saved(control.seconds - began);
        return;
      } catch (thrown) {
        const { code, message, nextStep } = reportOf(thrown);
        if (!code.startsWith('store/')) throw thrown;
        const what = `The files of ${output.roundFolder} could not be saved: ${message}`;
        if (code === 'store/unavailable') {
          host.emit({ type: 'warning', message: `${what} ${nextStep}` });
          return;
        }
        if (host.waitsForRoom !== true) {
          throw new GorpError(code, what, `${nextStep} Then resume the run: it saves them again.`, { cause: thrown });
        }
        const then = 'Nothing is lost: the run waits with them. Then press Resume to save them.';
        host.emit({ type: 'warning', message: `${what} ${nextStep} ${then}` });
        control.hold();
        await waitForPerson();
      }
    }
  }
}
