/** The imports that the files of one folder of `src/` may have. */
export interface LayerRule {
  /** Other folders of `src/`. */
  layers: readonly string[];
  /** Files outside those folders, relative to `src/`. */
  files?: readonly string[];
  /** Folders of which only pure files may be imported: those from which no value import leads to `IMPURE`. */
  pureFilesOf?: readonly string[];
  /** True where the code has to run in a page, in a worker and in Node alike. */
  core: boolean;
}

const models = ['base', 'device', 'graph'];
const gorp = [...models, 'models', 'linear-algebra'];
const run = [...gorp, 'gorp', 'methods', 'text', 'tasks', 'weights'];

/** The layers, lowest first: imports run downwards only. A folder of `src/` that is not named here is an error. */
export const LAYERS: Readonly<Record<string, LayerRule>> = {
  // The library's entry.
  'index.ts': { layers: [...run, 'run'], core: true },
  base: { layers: [], core: true },
  // Charts as SVG, for the page and for reports.
  charts: { layers: ['base'], core: true },
  device: { layers: ['base'], core: true },
  graph: { layers: ['base', 'device'], core: true },
  models: { layers: models, core: true },
  // Decompositions: small ones in f64 on the host, large ones by products on the device.
  'linear-algebra': { layers: models, core: true },
  gorp: { layers: gorp, core: true },
  // One file per method. They only declare, so that the page can build its menu and form from them.
  methods: { layers: ['base', 'tasks'], pureFilesOf: ['gorp', 'linear-algebra'], core: true },
  text: { layers: ['base'], core: true },
  tasks: { layers: ['base', 'text'], core: true },
  weights: { layers: ['base'], core: true },
  onnx: { layers: ['base', 'models', 'weights'], core: true },
  run: { layers: run, core: true },
  gguf: { layers: ['base', 'models', 'tasks', 'text', 'weights', 'run'], core: true },
  bench: { layers: [...run, 'run'], core: true },
  worker: { layers: [...run, 'onnx', 'gguf', 'run', 'bench'], core: false },
  cli: { layers: [...run, 'onnx', 'gguf', 'run'], core: false },
  app: {
    layers: ['base', 'charts'],
    files: ['worker/protocol.ts', 'worker/try/messages.ts'],
    pureFilesOf: ['bench', 'run', 'gorp', 'linear-algebra', 'methods', 'tasks', 'text', 'weights', 'onnx', 'gguf'],
    core: false,
  },
};

/**
 * The rooms of a layer, lowest first: imports run downwards inside it too. Files directly in the layer's folder are above
 * all its rooms.
 */
export const ROOMS: Readonly<Record<string, readonly string[]>> = {
  // Elements and words; charts; the page's store, its actions and workers; what several tabs show; the form; the tabs.
  app: ['ui', 'charts', 'state', 'shared', 'form', 'tabs'],
  // What a part of a method is and shares with others; the parts, each above those it builds on; the learner.
  gorp: [
    'part',
    'spaces',
    'full-rank',
    'adapters',
    'row-mask',
    'gates',
    'importance',
    'penalties',
    'merging',
    'distillation',
    'replay',
    'learner',
  ],
  run: ['settings', 'models', 'results', 'tasks', 'files', 'evaluation', 'probes', 'planning', 'events', 'learning'],
};

/** Rooms whose folders do not import one another: what two of them share goes to a lower room. */
export const APART: readonly string[] = ['src/app/tabs'];

/** Layers from which a pure file imports no value, directly or through others. */
export const IMPURE: readonly string[] = ['device', 'graph', 'models'];

/** Packages that need a page, React, Node or a test runner, so that the core may not import them. */
export const NOT_FOR_CORE: readonly string[] = [
  'react',
  'react-dom',
  'zustand',
  'webgpu',
  'vitest',
  'fast-check',
  '@playwright/test',
];

/** The only folders of `src/` that may import from `shaders/`: kernels in device, and the operations built on them in graph. */
export const SHADERS_USERS: readonly string[] = ['device', 'graph'];

/** Helpers of the tests: only tests, and programs that test, may import them. */
export const TESTING = 'testing';

/** The page. Only its own tests, end-to-end tests and programs that test may import it. */
export const PAGE = 'app';

/** The laboratory, above the trainer: studies, benchmarks, checks with other programs. Nothing that it measures knows it. */
export const LAB = 'lab';

/** The only way from the trainer to the laboratory: the command line loads the command `study` on request. */
export const LAB_DOOR = { from: 'src/cli/main.ts', to: 'lab/study/command.ts' };

/** Folders beside `src/`. */
export const BESIDE: readonly string[] = ['tools', 'lab', 'e2e'];

/** Those of their folders that test: they may import anything. */
export const TESTERS: readonly string[] = [
  'e2e',
  'tools/pictures',
  'lab/bench/page',
  'lab/gguf',
  'lab/onnx',
  'lab/real',
  'lab/storm',
];
