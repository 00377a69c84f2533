import { reportOf } from '../base/errors.ts';
import { textLengths } from '../run/planning/count-lengths.ts';
import { pageTaskHost } from './page-tasks.ts';
import { readsElsewhere, textsToRead } from './preview.ts';
import type { LengthsAnswer, PreviewCommand } from './protocol.ts';

/** The lengths of the texts that a run with these settings would read. */
export async function lengths(command: PreviewCommand): Promise<LengthsAnswer> {
  const { settings, tasks } = command;
  try {
    if (readsElsewhere(command)) return { type: 'elsewhere' };
    const texts = await textsToRead(command);
    if (texts === null) return { type: 'elsewhere' };
    return { type: 'counted', lengths: await textLengths(pageTaskHost(tasks), settings, texts) };
  } catch (thrown) {
    return { type: 'not-counted', error: reportOf(thrown) };
  }
}
