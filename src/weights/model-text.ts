import { embeddedModel } from './embedded-models.ts';
import { parseModelReference } from './model-reference.ts';

/**
 * A model as sentences call it: one of this app by its own name, files of this machine by that of their folder, any
 * other as it was entered.
 */
export function modelText(model: string): string {
  const embedded = embeddedModel(model);
  if (embedded !== undefined) return `the ${embedded.name.replace('Embedded', 'embedded')}`;
  const reference = parseModelReference(model);
  return reference?.kind === 'picked' ? `${reference.name} (from this machine)` : model;
}
