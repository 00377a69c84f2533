import { parseModelReference } from '../../weights/model-reference.ts';

/** A model as the page calls it: as it was entered, but files of this machine by the name of their folder. */
export function modelText(model: string): string {
  const reference = parseModelReference(model);
  return reference?.kind === 'picked' ? `${reference.name} (from this machine)` : model;
}
