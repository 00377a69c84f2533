import { type ErrorReport, reportOf } from '../base/errors.ts';
import { inspectModel } from '../run/models/inspect-model.ts';
import { inspectTexts } from '../run/models/open-network.ts';
import { parseModelReference } from '../weights/model-reference.ts';
import { openModel, type ModelAccess, requireReference } from '../weights/source.ts';
import { openPlaces } from './model-places.ts';

/** Why the files of a model cannot be used; null if they can. Reads only the headers of its weights. */
export async function checkModel({
  model,
  access,
}: {
  model: string;
  access: ModelAccess;
}): Promise<ErrorReport | null> {
  try {
    const reference = requireReference(parseModelReference(model), model);
    await inspectModel(await openModel(reference, await openPlaces(access), { inspect: inspectTexts }));
    return null;
  } catch (thrown) {
    return reportOf(thrown);
  }
}
