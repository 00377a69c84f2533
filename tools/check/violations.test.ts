import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readImports } from './imports.ts';
import { BESIDE } from './rules.ts';
import { findViolations } from './violations.ts';

/** A small tree that follows every rule. */
const GOOD: Record<string, string> = {
  'src/base/errors.ts': `export const x = 1;`,
  'src/device/device.ts': `import '../base/errors.ts'; import matmul from '../../shaders/matmul.wgsl?raw';`,
  'src/device/device.test.ts': `import 'node:fs'; import 'vitest'; import '../run/run.ts'; import '../testing/gpu.ts';`,
  'src/graph/graph.ts': `import type { D } from '../device/webgpu/device.ts';`,
  'src/models/t5.ts': `import '../graph/graph.ts';`,
  'src/gorp/space.ts': `import { t5 } from '../models/t5.ts';`,
  'src/gorp/methods.ts': `export type { T } from '../models/t5.ts';`,
  'src/methods/galore.ts': `import 'valibot'; import type { S } from '../gorp/space.ts'; import '../gorp/methods.ts';`,
  'src/text/tokenizer.ts': `import '@huggingface/tokenizers';`,
  'src/tasks/prompts.ts': `import '../text/tokenizer.ts';`,
  'src/weights/store.ts': `import 'idb-keyval';`,
  'src/run/settings/settings.ts': `import 'valibot'; import '../../gorp/methods.ts';`,
  'src/run/events/fold.ts': `import '../settings/settings.ts';`,
  'src/run/run.ts': `import '../gorp/space.ts'; import '../weights/store.ts'; import '../tasks/prompts.ts'; import './events/fold.ts';`,
  'src/worker/protocol.ts': `import type { S } from '../run/settings/settings.ts';`,
  'src/worker/worker.ts': `import '../run/run.ts'; import './protocol.ts';`,
  'src/cli/main.ts': `import 'node:fs'; import 'webgpu'; import '../run/run.ts'; import('../../lab/study/command.ts');`,
  'lab/study/command.ts': `import '../../src/cli/run.ts';`,
  'src/app/main.tsx': `
    import 'react';
    import { METHODS } from '../run/settings/settings.ts';
    import type { Run } from '../run/run.ts';
    import type { C } from '../worker/protocol.ts';
    new Worker(new URL('../worker/worker.ts', import.meta.url), { type: 'module' });`,
  'src/testing/gpu.ts': `import 'webgpu'; import '../device/webgpu/device.ts';`,
  'src/app/testing/store.ts': `import '../main.tsx';`,
  'src/app/main.test.ts': `import './testing/store.ts'; import '../testing/gpu.ts'; import '../worker/worker.ts';`,
  'tools/build.ts': `import '../src/cli/main.ts';`,
  'tools/build.test.ts': `import './build.ts'; import '../src/testing/gpu.ts';`,
  'lab/storm/main.ts': `import '../../src/testing/gpu.ts'; import '../../src/app/main.tsx';`,
  'lab/bench/main.ts': `import '../../src/run/run.ts'; import '../../tools/build.ts'; import '../storm/main.ts';`,
  'e2e/run.spec.ts': `import '../src/testing/gpu.ts'; import '../src/app/testing/store.ts';`,
};

describe('findViolations', () => {
  let root: string;
  const check = (changes: Record<string, string>): string[] => {
    for (const [path, text] of Object.entries({ ...GOOD, ...changes })) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), text);
    }
    for (const folder of BESIDE) mkdirSync(join(root, folder), { recursive: true });
    return findViolations(new Map(['src', ...BESIDE].flatMap((folder) => [...readImports(root, folder)])));
  };

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'gorp-layers-'));
  });
  afterEach(() => {
    rmSync(root, { recursive: true, force: true });
  });

  it('finds nothing in a tree that follows the rules', () => {
    expect(check({})).toEqual([]);
  });

  it.each<[rule: string, path: string, text: string, fault: string]>([
    [
      'a method that computes',
      'src/methods/a.ts',
      `import '../gorp/space.ts';`,
      'methods may import only pure files of gorp, and this one leads to src/gorp/space.ts → src/models/t5.ts',
    ],
    [
      'a test of a lower layer with the page',
      'src/run/a.test.ts',
      `import '../app/main.tsx';`,
      'only tests of app may',
    ],
    [
      'a test with the helpers of another layer',
      'src/run/a.test.ts',
      `import '../worker/testing/a.ts';`,
      'helpers that two layers use belong in src/testing',
    ],
    ['a helper of tests with the page', 'src/testing/a.ts', `import '../app/main.tsx';`, 'only tests of app may'],
    [
      'a tool with helpers of tests',
      'tools/a.ts',
      `import '../src/testing/gpu.ts';`,
      'only tests, and programs that test',
    ],
    ['a tool with the page', 'tools/a.ts', `import '../src/app/main.tsx';`, 'only programs that test may import app'],
    ['a benchmark with a test', 'lab/bench/a.ts', `import '../../tools/build.test.ts';`, 'only tests, and programs'],
    [
      'the laboratory in the command line',
      'src/cli/a.ts',
      `import '../../lab/bench/main.ts';`,
      'src knows nothing of lab',
    ],
    [
      'a type of it in a test',
      'src/cli/a.test.ts',
      `import type { A } from '../../lab/a.ts';`,
      'src knows nothing of lab',
    ],
    ['the laboratory in a tool', 'tools/a.ts', `await import('../lab/bench/main.ts');`, 'tools knows nothing of lab'],
    ['an upward import', 'src/device/a.ts', `import '../graph/graph.ts';`, 'device may import only base'],
    [
      'an upward type import',
      'src/base/a.ts',
      `import type { G } from '../device/webgpu/device.ts';`,
      'base may import only itself',
    ],
    [
      'an upward import type',
      'src/base/a.ts',
      `let d: import('../device/webgpu/device.ts').D;`,
      'base may import only itself',
    ],
    ['an upward re-export', 'src/graph/a.ts', `export * from '../models/t5.ts';`, 'graph may import only base, device'],
    ['an upward dynamic import', 'src/run/a.ts', `await import('../worker/worker.ts');`, 'run may import only'],
    [
      'an upward import between rooms',
      'src/run/settings/a.ts',
      `import type { F } from '../events/fold.ts';`,
      'settings is below events in src/run',
    ],
    [
      'an upward import between rooms of the page',
      'src/app/ui/a.ts',
      `import '../state/store.ts';`,
      'ui is below state in src/app',
    ],
    [
      'a tab that imports another',
      'src/app/tabs/run/a.ts',
      `import '../try/b.ts';`,
      'src/app/tabs/run and src/app/tabs/try stay apart',
    ],
    ['a room without a place', 'src/run/other/a.ts', `import '../settings/settings.ts';`, 'is not a room'],
    ['a sideways import', 'src/weights/a.ts', `import '../text/tokenizer.ts';`, 'weights may import only base'],
    [
      'a shader outside src/device and src/graph',
      'src/models/a.ts',
      `import s from '../../shaders/a.wgsl?raw';`,
      'only src/{device,graph} may import shaders',
    ],
    [
      'a glob of shaders',
      'src/run/a.ts',
      `import.meta.glob(['../../shaders/*.wgsl']);`,
      'only src/{device,graph} may import shaders',
    ],
    [
      'the address of a shader',
      'src/cli/a.ts',
      `new URL('../../shaders/a.wgsl', import.meta.url);`,
      'only src/{device,graph}',
    ],
    ['a module of Node in the core', 'src/run/a.ts', `import 'node:fs';`, 'run is core code'],
    ['the same without its prefix', 'src/run/a.ts', `import 'fs/promises';`, 'run is core code'],
    ['React in the core', 'src/run/a.ts', `import 'react-dom/client';`, 'run is core code'],
    ['Dawn in the core', 'src/device/a.ts', `import 'webgpu';`, 'device is core code'],
    ['test helpers outside tests', 'src/run/a.ts', `import '../testing/gpu.ts';`, 'only tests may import'],
    ['a test as a module', 'src/run/a.ts', `import '../device/device.test.ts';`, 'only tests may import'],
    ['the worker from the page', 'src/app/a.ts', `import '../worker/worker.ts';`, 'app may import only'],
    [
      'the GPU from the page',
      'src/app/a.ts',
      `import type { D } from '../device/webgpu/device.ts';`,
      'app may import only',
    ],
    ['an impure file from the page', 'src/app/a.ts', `import '../run/run.ts';`, 'src/gorp/space.ts → src/models/t5.ts'],
    ['a folder without a rule', 'src/misc/a.ts', `import '../base/errors.ts';`, 'src/misc is not a layer'],
    ['a file outside the folders', 'src/a.ts', `import './base/errors.ts';`, 'is not a layer'],
  ])('finds %s', (_, path, text, fault) => {
    const violations = check({ [path]: text });
    expect(violations).toHaveLength(1);
    expect(violations[0]).toContain(`${path}:1 imports`);
    expect(violations[0]).toContain(fault);
  });

  it('reports the line of an import', () => {
    expect(check({ 'src/base/a.ts': `// one\n\nimport {\n  D,\n} from '../device/webgpu/device.ts';` })[0]).toContain(
      'src/base/a.ts:5 ',
    );
  });

  it('finds each cycle once, type imports included', () => {
    const violations = check({
      'src/base/a.ts': `import type { B } from './b.ts';`,
      'src/base/b.ts': `import './c.ts';`,
      'src/base/c.ts': `import './a.ts';`,
      'src/base/self.ts': `import './self.ts';`,
    });
    expect(violations).toEqual([
      'cycle: src/base/a.ts → src/base/b.ts → src/base/c.ts → src/base/a.ts',
      'cycle: src/base/self.ts → src/base/self.ts',
    ]);
  });
});
