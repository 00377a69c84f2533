import type { BenchHead, Outcome } from '../../bench/report.ts';
import type { Abilities, AnnouncedPart, BenchEvent } from '../../worker/protocol.ts';
import type { AskForBench } from '../state/device.ts';

const ADAPTER: NonNullable<Abilities['adapter']> = {
  kind: 'webgpu',
  vendor: 'nvidia',
  architecture: 'ampere',
  description: 'NVIDIA GeForce RTX 3060 Laptop GPU',
  software: false,
  features: ['depth-clip-control', 'shader-f16', 'subgroups', 'texture-compression-bc', 'timestamp-query'],
  limits: {
    maxBufferSize: 2 ** 31,
    maxStorageBufferBindingSize: 2 ** 31 - 4,
    maxComputeInvocationsPerWorkgroup: 1024,
    maxComputeWorkgroupSizeX: 1024,
    maxComputeWorkgroupStorageSize: 49152,
  },
  storageBuffers: 10,
};
export const ABILITIES: Abilities = {
  adapter: ADAPTER,
  noAdapter: null,
  cpu: { relaxed: true, shared: true, threads: 8 },
};

export const HEAD: BenchHead = {
  date: '2026-11-26T17:20:00.000Z',
  code: { version: '0.1.0', commit: 'scripted' },
  platform: 'Mozilla/5.0 (X11; Linux x86_64)',
  adapter: {
    kind: 'webgpu',
    vendor: ADAPTER.vendor,
    architecture: ADAPTER.architecture,
    description: ADAPTER.description,
    software: false,
    features: ADAPTER.features,
    limits: ADAPTER.limits,
  },
};

const NODE_ONLY = 'it takes longer than a minute; the benchmark in Node, `npm run bench:bundle`, runs it';
export const PARTS: readonly AnnouncedPart[] = [
  ...['kernels against references', 'products', 'encoder block', 'embedded model, GORP fast'].map((name) => ({
    name,
    omitted: null,
  })),
  ...['t5-large, GORP fast, frozen f32', 'PyTorch'].map((name) => ({ name, omitted: NODE_ONLY })),
];

const measured = (name: string, headline: string, text: string): Outcome => ({
  name,
  status: 'measured',
  seconds: 6.2,
  numbers: {},
  headline,
  text,
});

const OUTCOMES: readonly Outcome[] = [
  measured(
    'kernels against references',
    '22 of 22 right, largest error 3.1e-7',
    '| kernels | error |  |\n| --- | --- | --- |\n| nt 65 × 260 × 132 | 1.2e-7 | right |\n| RMS norm | 3.1e-7 | right |',
  ),
  measured(
    'products',
    '2210 to 6120 GFLOP per second',
    '| M × K × N | chosen | GFLOP per second |\n| --- | --- | --- |\n| 512 × 512 × 512 | block-128x128 | 2210 |\n| 4096 × 1024 × 4096 | block-128x128 | 6120 |',
  ),
  measured(
    'encoder block',
    'step 1.92 ms, forward 0.61 ms',
    'Batch 8, sequence 64, d 256.\n\n|  | ms median | ms min | CPU ms |\n| --- | --- | --- | --- |\n| step | 1.92 | 1.88 | – |',
  ),
  measured(
    'embedded model, GORP fast',
    'step 6.40 ms, 2130 tokens per second written for 8 prompts, 41.0 MiB at most (planned 38.2 MiB)',
    '|  | step ms | peak |\n| --- | --- | --- |\n| embedded model, GORP fast | 6.40 | 41.0 MiB |',
  ),
];

const LOST = {
  code: 'device/lost' as const,
  message: 'The GPU device was lost: the driver was reset (reason: unknown).',
  nextStep: 'Start again. If it happens again, close other tabs that use the GPU or choose a smaller batch.',
};
const NO_ADAPTER = {
  code: 'gpu/no-adapter' as const,
  message: 'WebGPU found no graphics adapter that it may use.',
  nextStep: 'Turn on hardware acceleration in the browser settings, or train on the CPU.',
};

/** The events of a measurement: `measuring` stops within it, `lost` fails in a part, `failed` fails as a whole. */
function events(kind: string): BenchEvent[] {
  if (kind === 'failed') return [{ type: 'failed', error: NO_ADAPTER }];
  const begin: BenchEvent = { type: 'measuring', head: HEAD, parts: [...PARTS], limitSeconds: 60 };
  const ended = (outcome: Outcome): BenchEvent[] => [
    { type: 'begun', name: outcome.name },
    { type: 'ended', outcome },
  ];
  if (kind === 'measuring')
    return [begin, ...OUTCOMES.slice(0, 2).flatMap(ended), { type: 'begun', name: 'encoder block' }];
  const found = OUTCOMES.map((outcome, i): Outcome =>
    kind === 'lost' && i === 2 ? { name: outcome.name, status: 'failed', reason: LOST.message, error: LOST } : outcome,
  );
  const omitted = PARTS.flatMap(({ name, omitted: reason }): BenchEvent[] =>
    reason === null ? [] : [{ type: 'ended', outcome: { name, status: 'not run', reason } }],
  );
  return [begin, ...found.flatMap(ended), ...omitted, { type: 'done' }];
}

/** The abilities of a graphics card, and a measurement that ends as `kind` says: `done`, `measuring`, `lost`, `failed`. */
export const scriptedBench =
  (kind: string): AskForBench =>
  (command, onEvent) => {
    if (command.type === 'abilities') onEvent({ type: 'abilities', abilities: ABILITIES });
    else for (const event of events(kind)) onEvent(event);
    return () => undefined;
  };
