import { explained, GorpError, reportOf } from '../base/errors.ts';
import { textLengths } from '../run/planning/count-lengths.ts';
import { testedTasks } from '../run/settings/settings.ts';
import { enoughFor, LONGEST, type TextLengths } from '../run/planning/text-lengths.ts';

import { benchmarkOf } from '../tasks/benchmarks.ts';
import { nodeTaskReader } from './host.ts';
import { openNamedTexts } from './named-models.ts';
import type { ChosenRun } from './run-settings.ts';
import type { Terminal } from './terminal.ts';

/** Prints how many tokens the texts of a run take, and which would be cut. Says why if they cannot be read. */
export async function printLengths({ settings, customTasks }: ChosenRun, terminal: Terminal): Promise<void> {
  const isAway = /^https?:/.test(settings.tasks);
  const isRead = (name: string): boolean =>
    benchmarkOf(name) === undefined ||
    customTasks.some((task) => task.name === name) ||
    !(isAway || settings.tasks === 'embedded');
  const read = testedTasks(settings).filter(isRead);
  const left = testedTasks(settings).filter((name) => !isRead(name));
  if (left.length > 0) {
    terminal.result(`\nTexts of ${left.join(', ')} are not counted: name their folder on disk with --tasks.`);
  }
  if (read.length === 0) return;
  try {
    const host = {
      taskReader: nodeTaskReader,
      customTask: (name: string) => Promise.resolve(customTasks.find((task) => task.name === name)),
    };
    const order = settings.order.filter(isRead);
    const watch = (settings.watch ?? []).filter(isRead);
    const lengths = await textLengths(host, { ...settings, order, watch }, await openNamedTexts(settings.model));
    terminal.event({ type: 'text-lengths', ...lengths, enough: enoughFor(lengths) });
    terminal.result(`\n${describeLengths(lengths, settings.training)}`);
  } catch (thrown) {
    if (!(thrown instanceof GorpError)) throw thrown;
    terminal.result(`\nTexts are not counted: ${explained(reportOf(thrown))}`);
  }
}

/** A table of the tasks, then what would be lost and what to do. */
function describeLengths(
  lengths: TextLengths,
  { sourceLength, promptForm }: ChosenRun['settings']['training'],
): string {
  const tasks = lengths.tasks.flatMap((task) => ('error' in task ? [] : [task]));
  const failed = lengths.tasks.flatMap((task) => ('error' in task ? [`${task.name}: ${explained(task.error)}`] : []));
  const rows = tasks.map(({ name, texts, counted, cut, longest, answer, shortened }) => [
    name,
    counted === texts ? `${texts}` : `${counted} of ${texts}`,
    longest === null ? `over ${LONGEST}` : `${longest}`,
    `${cut}`,
    `${answer}`,
    `${shortened}`,
  ]);
  const table = [
    `| task | texts counted | longest prompt | cut at ${sourceLength} | longest answer | answers cut |`,
    '| --- | --: | --: | --: | --: | --: |',
    ...rows.map((row) => `| ${row.join(' | ')} |`),
  ];
  const enough = enoughFor(lengths);
  const longest = Math.max(0, ...tasks.map(({ answer }) => answer));
  const advice = [
    ...tasks
      .filter(({ question }) => question > sourceLength)
      .map(({ name, question }) => `${name}: the prompt takes ${question} tokens even without a text.`),
    tasks.some(({ cut }) => cut > 0) &&
      (enough === null
        ? 'Some texts are too long to count: shorten them in the file, or accept that they are cut.'
        : `No text is cut with --set training.sourceLength=${enough}.`),
    tasks.some(({ shortened }) => shortened > 0) && `No answer is cut with --set training.targetLength=${longest}.`,
    lengths.hasTemplate &&
      promptForm === 'raw' &&
      'The model has a chat template: --set training.promptForm=chat writes prompts by it.',
  ].filter((line) => line !== false);
  return [...(rows.length > 0 ? table : []), ...[...failed, ...advice].map((line) => `\n${line}`)].join('\n');
}
