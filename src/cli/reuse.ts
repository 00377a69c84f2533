import { GorpError } from '../base/errors.ts';
import { Provenance } from '../run/events/provenance.ts';
import type { Results } from '../run/results/results.ts';
import { nodeHost, type NodeChoices } from './host.ts';

/** Compares the runs of this command line with the models and tasks that it names. */
export const nodeProvenance = (choices: NodeChoices): Provenance => new Provenance(nodeHost(choices));

/**
 * Refuses results of a run whose model or texts have changed since, as the results of this command.
 *
 * @param where they are.
 * @param nextStep what else to do.
 * @throws GorpError `run/made-of-other`, naming what has changed; and if the model or a task cannot be opened.
 */
export async function refuseChanged(
  provenance: Provenance,
  results: Results,
  where: string,
  nextStep: string,
): Promise<void> {
  const changed = await provenance.changes(results);
  if (changed === null) return;
  throw new GorpError(
    'run/made-of-other',
    `${where} has the results of a finished run, but what it was made of has changed since: ${changed}.`,
    nextStep,
  );
}
