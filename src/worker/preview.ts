import { reportOf } from '../base/errors.ts';
import { previewOf } from '../run/tasks/preview.ts';
import { type RunSettings, testedTasks } from '../run/settings/settings.ts';
import { benchmarkOf } from '../tasks/benchmarks.ts';
import type { ModelTexts } from '../weights/model-folder.ts';
import { isAddress, parseModelReference } from '../weights/model-reference.ts';
import { readTextFiles, readTextFilesHere, requireReference } from '../weights/source.ts';
import { pageTaskHost } from './page-tasks.ts';
import { openPlaces } from './model-places.ts';
import type { PreviewAnswer, PreviewCommand } from './protocol.ts';

/** The first example that the model would read in a run with these settings. */
export async function preview(command: PreviewCommand): Promise<PreviewAnswer> {
  const { settings, tasks } = command;
  try {
    if (readsElsewhere(command, settings.order.slice(0, 1))) return { type: 'elsewhere' };
    const texts = await textsToRead(command);
    if (texts === null) return { type: 'elsewhere' };
    return { type: 'preview', preview: await previewOf(pageTaskHost(tasks), settings, texts) };
  } catch (thrown) {
    return { type: 'no-preview', error: reportOf(thrown) };
  }
}

/** Whether a task is on another server that may not be asked. @param names of the tasks to read; all by default. */
export const readsElsewhere = (
  { settings, mayAsk }: { settings: RunSettings; mayAsk: boolean },
  names: readonly string[] = testedTasks(settings),
): boolean => !mayAsk && isAddress(settings.tasks) && names.some((name) => benchmarkOf(name) !== undefined);

/** The small files of the model; null if they are on another server that may not be asked. */
export async function textsToRead({ settings: { model }, access, mayAsk }: PreviewCommand): Promise<ModelTexts | null> {
  const read = mayAsk ? readTextFiles : readTextFilesHere;
  return read(requireReference(parseModelReference(model), model), await openPlaces(access));
}
