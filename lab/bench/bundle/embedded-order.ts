import { nodeHost } from '../../../src/cli/host.ts';
import type { RunEvent } from '../../../src/run/events/events.ts';
import { embeddedSettings, type PresetName } from '../../../src/run/planning/presets.ts';
import { Run } from '../../../src/run/run.ts';
import type { PartReport } from '../../../src/bench/bench.ts';
import { type Place, tunedDevice } from '../bench.ts';
import { digits, markdownTable } from '../../../src/base/markdown.ts';

/** Learns the embedded tasks by `gorp` as the page's preset does, tests included, on a device that is new to it. */
export async function learnEmbeddedOrder(place: Place, preset: PresetName): Promise<PartReport> {
  const events: RunEvent[] = [];
  const host = {
    ...nodeHost({ device: 'gpu' }),
    acquireDevice: async () => ({ device: await tunedDevice(place), why: 'asked' as const }),
    emit: (event: RunEvent) => void events.push(event),
  };
  await new Run(host, embeddedSettings(preset, 'gorp')).execute();
  const last = events.at(-1);
  if (last?.type !== 'finished')
    throw new Error(last?.type === 'failed' ? last.error.message : 'the run has not ended');
  const { seconds, curves, accuracy, measures, tasks } = last.results;
  const memory = events.filter((event) => event.type === 'memory').at(-1)?.peakBytes ?? null;
  const end = accuracy.ranked.at(-1) ?? [];
  const rows = tasks.map(({ name }, task) => [name, ...[end[task]].map((value) => digits(value))]);
  return {
    numbers: { preset, seconds, steps: curves.loss.length, losses: curves.loss, accuracy, measures, peakBytes: memory },
    headline: `Preset \`${preset}\`: ${tasks.length} tasks in ${digits(seconds)} s, ${curves.loss.length} steps, tests included; last loss ${digits(curves.loss.at(-1) ?? null)}`,
    text: markdownTable(['task', 'accuracy at the end'], rows),
  };
}
