import { formatBytes } from '../../src/base/format-bytes.ts';
import { GpuPlanner } from '../../src/device/webgpu/planner.ts';
import { AccessMeasurer, type MeasuredDispatch } from '../access/measure.ts';
import { byKernel, FEW_THREADS, type KernelSummary, summarize, type Weighted } from '../access/summary.ts';
import { Tracer } from '../access/tracer.ts';
import { type Section, tunedDevice } from '../bench.ts';
import { AssumedTuning } from '../dispatches/assumed-tuning.ts';
import { MODEL_SHAPES } from '../../src/bench/model-shapes.ts';
import { recordModel, WORK_NAMES, type WorkName } from '../dispatches/model-programs.ts';
import { CARDS } from '../gpu-model/cards.ts';
import { digits, markdownTable } from '../../src/bench/table.ts';

// One step in ten computes new bases.
const REFRESH_SHARE = 0.1;
// Kernels of a table that take less of the time are left out.
const LEAST_SHARE = 0.005;

/** What a table is about: a work that is repeated, or a mean of two. */
const TABLES: readonly (readonly [name: string, parts: readonly (readonly [WorkName, number])[]])[] = [
  [
    'training step',
    [
      ['step', 1 - REFRESH_SHARE],
      ['refresh', REFRESH_SHARE],
    ],
  ],
  ['reading a test batch', [['prefill', 1]]],
  ['decoding a token', [['decode', 1]]],
];

/**
 * A model of what graphics cards would make of the kernels: which bytes warps read and write, recorded on this adapter,
 * and how long that would take by the cards' data sheets. Nothing of it is a measurement of time.
 */
export const accessSection: Section = async (place) => {
  const device = await tunedDevice(place);
  const tracer = new Tracer(device.gpu.device);
  try {
    const measurer = new AccessMeasurer(tracer);
    const tables = [];
    const programs: { model: string; work: WorkName; dispatches: MeasuredDispatch[] }[] = [];
    for (const shape of MODEL_SHAPES) {
      const recorded = await recordModel(shape, new GpuPlanner(new AssumedTuning()));
      const works = {} as Record<WorkName, MeasuredDispatch[]>;
      for (const work of WORK_NAMES) works[work] = await measurer.measure(recorded[work]);
      for (const [name, parts] of TABLES) {
        const weighted = parts.flatMap(([work, share]): Weighted[] =>
          works[work].map((dispatch) => ({ dispatch, times: share * dispatch.count })),
        );
        const { batch, rows } = shape;
        const size = name === 'training step' ? `${batch.B} × ${batch.S}` : `${rows} rows after ${batch.S} tokens`;
        const title = `${shape.name}, ${name}, ${size}`;
        tables.push({ title, summary: summarize(weighted), kernels: byKernel(weighted) });
      }
      for (const work of WORK_NAMES) programs.push({ model: shape.name, work, dispatches: works[work] });
    }
    const text = [
      summaryTable(tables),
      ...tables.map(({ title, kernels }) => `### ${title}\n\n${kernelTable(kernels)}`),
    ];
    return { numbers: { cards: CARDS, tables, programs }, text: text.join('\n\n') };
  } finally {
    tracer.destroy();
    await device.destroy();
  }
};

const percent = (share: number): string => `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`;

function summaryTable(tables: readonly { title: string; summary: ReturnType<typeof summarize> }[]): string {
  const head = [
    'work',
    ...CARDS.map(({ name }) => `${name}, ms (roof)`),
    'moved bytes that are needed',
    `time in dispatches below ${FEW_THREADS} threads`,
  ];
  const rows = tables.map(({ title, summary }) => [
    title,
    ...summary.map(({ seconds, roof }) => `${digits(1e3 * seconds)} (${digits(1e3 * roof)})`),
    summary.map(({ neededShare }) => percent(neededShare)).join(', '),
    summary.map(({ fewThreadsShare }) => percent(fewThreadsShare)).join(', '),
  ]);
  return markdownTable(head, rows);
}

function kernelTable(kernels: readonly KernelSummary[]): string {
  const total = kernels.reduce((sum, { seconds }) => sum + seconds[0], 0);
  const head = [
    ...['kernel', 'dispatches', 'threads', 'workgroup memory', 'FLOP per byte', 'needed'],
    ...CARDS.map(({ name }) => `${name}, ms (roof)`),
  ];
  const shown = kernels.filter(({ seconds }) => seconds[0] >= LEAST_SHARE * total);
  const rows = shown.map(({ kernel, times, threads: [fewest, most], workgroupBytes, ...rest }) => [
    kernel,
    times.toFixed(0),
    fewest === most ? String(most) : `${fewest}–${most}`,
    workgroupBytes === 0 ? '–' : formatBytes(workgroupBytes),
    digits(rest.flopPerByte),
    percent(rest.neededShare),
    ...rest.seconds.map((seconds, card) => `${digits(1e3 * seconds)} (${digits(1e3 * rest.roof[card])})`),
  ]);
  return markdownTable(head, rows);
}
