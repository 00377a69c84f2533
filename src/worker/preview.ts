import { reportOf } from '../base/errors.ts';
import { previewOf } from '../run/preview.ts';
import { BENCHMARK_KINDS } from '../tasks/orders.ts';
import { isAddress, parseModelReference } from '../weights/model-reference.ts';
import { readTextFiles, requireReference } from '../weights/source.ts';
import { pageTaskHost } from './page-tasks.ts';
import { openPlaces } from './places.ts';
import type { PreviewAnswer, PreviewCommand } from './protocol.ts';

/** The first example that the model would read in a run with these settings. */
export async function preview({ settings, access, tasks, mayAsk }: PreviewCommand): Promise<PreviewAnswer> {
  try {
    const reference = requireReference(parseModelReference(settings.model), settings.model);
    const isElsewhere = reference.kind === 'hub' || reference.kind === 'url';
    const readsAddress = isAddress(settings.tasks) && Object.hasOwn(BENCHMARK_KINDS, settings.order[0]);
    if (!mayAsk && (isElsewhere || readsAddress)) return { type: 'elsewhere' };
    const texts = await readTextFiles(reference, await openPlaces(access));
    return { type: 'preview', preview: await previewOf(pageTaskHost(tasks), settings, texts) };
  } catch (thrown) {
    return { type: 'no-preview', error: reportOf(thrown) };
  }
}
