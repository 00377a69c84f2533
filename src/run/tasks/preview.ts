import { type Reading, readingOf } from '../../tasks/reading.ts';
import type { ModelTexts } from '../../weights/model-folder.ts';
import { discarding, readTexts } from '../models/open-network.ts';
import type { RunSettings } from '../settings/settings.ts';
import { shownExample, type TaskHost } from './task-data.ts';

/**
 * An example of a run's first task, exactly as the model reads it; null if it has none.
 *
 * @throws GorpError `model/…`, `text/…`, `tasks/…`, `settings/…`.
 */
export async function previewOf(host: TaskHost, settings: RunSettings, texts: ModelTexts): Promise<Reading | null> {
  const { tokenizer } = await discarding(texts, () => readTexts(texts, settings.training));
  const [task] = settings.order;
  const first = await shownExample(host, task, settings, tokenizer);
  return first && { task, tokens: readingOf(tokenizer, first.example), cut: first.cut };
}
