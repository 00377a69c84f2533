import { type Reading, readingOf } from '../tasks/reading.ts';
import type { ModelTexts } from '../weights/model-folder.ts';
import { discarding, readTexts } from './open-network.ts';
import type { RunSettings } from './settings.ts';
import { firstExample, type TaskHost } from './task-data.ts';

/**
 * The example that a run learns from first, exactly as the model reads it; null if its first task has none.
 *
 * @throws GorpError `model/…`, `text/…`, `tasks/…`, `settings/…`.
 */
export async function previewOf(host: TaskHost, settings: RunSettings, texts: ModelTexts): Promise<Reading | null> {
  const { tokenizer } = await discarding(texts, () => readTexts(texts, settings.training));
  const [task] = settings.order;
  const first = await firstExample(host, task, settings, tokenizer);
  return first && { task, tokens: readingOf(tokenizer, first.example), cut: first.cut };
}
