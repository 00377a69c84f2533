import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { type Snippet, snippetsFor } from '../../src/app/tabs/results/use-snippets.ts';
import { openRoundFolder } from '../../src/cli/round-folder.ts';
import { PREDICTIONS_FILE } from '../../src/run/files/layout.ts';
import { useOfRound } from '../../src/run/files/round-use.ts';
import { buildLibrary } from '../setup/build.ts';
import { nodeCommand, projectPath } from '../setup/process.ts';

// Below the project, so that the package finds its dependencies as in a real installation.
const consumer = projectPath('build', 'consumer');
const installed = join(consumer, 'node_modules', 'gorp-web');

/** Runs the installed package's command line from another folder. */
function gorpWeb(...args: string[]): { code: number | null; out: string; err: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(installed, 'dist-lib', 'cli.js'), ...args], {
    cwd: consumer,
    encoding: 'utf8',
    env: { ...process.env, GORP_WEB_CACHE: join(consumer, 'models') },
  });
  return { code: status, out: stdout, err: stderr };
}

beforeAll(async () => {
  await buildLibrary();
  rmSync(consumer, { recursive: true, force: true });
  mkdirSync(installed, { recursive: true });
  // Its own scope: otherwise the package's name would resolve to the surrounding project.
  writeFileSync(join(consumer, 'package.json'), JSON.stringify({ private: true, type: 'module' }));
  // `npm pack` and an install of what it packs, without npm's own rebuild.
  const pack = ['pack', '--ignore-scripts', '--json', '--pack-destination', consumer];
  const options = { cwd: projectPath(), encoding: 'utf8', shell: process.platform === 'win32' } as const;
  const [{ filename }] = JSON.parse(execFileSync('npm', pack, options)) as { filename: string }[];
  execFileSync('tar', ['-xzf', join(consumer, filename), '--strip-components=1', '-C', installed]);
}, 300_000);

describe('the command line of the package', () => {
  test('starts with a shebang, so that npx can start it', () => {
    expect(readFileSync(join(installed, 'dist-lib', 'cli.js'), 'utf8')).toMatch(/^#!\/usr\/bin\/env node\n/);
  });

  test('is never documented as `npx gorp-web`, which could fetch a stranger’s package', () => {
    const pages = readdirSync(projectPath('docs'), { recursive: true, encoding: 'utf8' }).map((name) => `docs/${name}`);
    for (const page of ['README.md', 'CONTRIBUTING.md', ...pages.filter((name) => name.endsWith('.md'))]) {
      expect(readFileSync(projectPath(page), 'utf8'), page).not.toMatch(/npx gorp-web/);
    }
  });

  test('lists its commands', () => {
    const help = gorpWeb('--help');
    expect(help).toMatchObject({ code: 0, err: '' });
    for (const command of ['train', 'eval', 'study', 'merge', 'export', 'generate', 'models']) {
      expect(help.out).toContain(`\n  ${command} `);
    }
    const { version } = JSON.parse(readFileSync(projectPath('package.json'), 'utf8')) as { version: string };
    expect(gorpWeb('--version').out.trim()).toBe(version);
  });

  // main.test.ts has every way to end; here the process ends so.
  test.each<[string[], number, string]>([
    [['frobnicate'], 2, 'Unknown command'],
    [['train', '--set', 'training.batchSize=0'], 3, 'settings/invalid'],
  ])('%j ends with %i', (args, code, text) => {
    const ended = gorpWeb(...args);
    expect(ended.err).toContain(text);
    expect(ended.code).toBe(code);
  });

  test('--json gives JSON only', () => {
    const { out, code } = gorpWeb('models', 'list', '--json');
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ type: 'models', models: [] });
    const failed = gorpWeb('train', '--resume', 'absent', '--json');
    expect(JSON.parse(failed.out)).toMatchObject({ type: 'failed', error: { code: 'run/bad-round' } });
  });

  test('a run leaves its rounds, and a round is merged into a model', () => {
    const small = ['--preset', 'quick', '--method', 'seq-lora'];
    const sets = ['trainExamples=8', 'testExamples=4', 'epochs=1'];
    for (const set of ['order=["people"]', ...sets.map((one) => `training.${one}`)]) small.push('--set', set);
    const first = gorpWeb('train', ...small, '--out', 'run', '--json');
    expect(first.code, first.err).toBe(0);
    const events = first.out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { type: string });
    expect(events.map(({ type }) => type)).toEqual(expect.arrayContaining(['device', 'begin', 'steps', 'evaluation']));
    expect(events.at(-1)?.type).toBe('finished');
    const rounds = join('run', 'logs_and_outputs', 'order_custom', 'outputs');
    expect(existsSync(join(consumer, rounds, '1-people', 'all_results.json'))).toBe(true);
    // Nothing is overwritten.
    expect(gorpWeb('train', ...small, '--out', 'run').err).toContain('run/out-is-taken');

    // Teaches more to what the run left: method and settings are the run's.
    const onward = ['--from', join(rounds, '1-people'), '--order', 'emoji', '--out', 'onward'];
    const second = gorpWeb('train', ...onward);
    expect(second.code, second.err).toBe(0);
    const results = readFileSync(join(consumer, 'onward', 'results.json'), 'utf8');
    expect(JSON.parse(results)).toMatchObject({
      settings: { order: ['people', 'emoji'], method: { name: 'seq-lora' }, training: { trainExamples: 8 } },
    });

    const merged = gorpWeb('merge', '--round', join(rounds, '1-people'), '--out', 'model', '--json');
    expect(merged.code, merged.err).toBe(0);
    for (const file of (JSON.parse(merged.out) as { files: string[] }).files) {
      expect(existsSync(join(consumer, 'model', file)), file).toBe(true);
    }
  }, 300_000);
});

test('a plugin adds a method, a format of files and a probe', () => {
  const lines = Array.from({ length: 8 }, (_, i) => `__label__spam Win prize ${i}\n__label__ham Lunch on day ${i}\n`);
  writeFileSync(join(consumer, 'mails.fasttext'), lines.join(''));
  const plugin = ['--plugin', projectPath('docs', 'plugin-example.mjs')];
  const run = ['--task', 'mails.fasttext', '--method', 'averaged-lora', '--out', 'plugged'];
  const sets = ['epochs=1', 'generalText=none', 'testExamples=2'].flatMap((set) => ['--set', `training.${set}`]);
  const trained = gorpWeb('train', ...plugin, ...run, ...sets);
  expect(trained.code, trained.err).toBe(0);
  expect(trained.out).toMatch(/loss of 4 as the answer to 2 times 2: [\d.]+ → [\d.]+/);
  expect(JSON.parse(readFileSync(join(consumer, 'plugged', 'results.json'), 'utf8'))).toMatchObject({
    settings: { method: { name: 'averaged-lora', newShare: 0.5 } },
    tasks: [{ labels: ['ham', 'spam'] }],
    code: { plugins: [{ name: 'example' }] },
    probes: { own: [{ name: 'two-times-two', rounds: [{ round: 0 }, { round: 1 }] }] },
  });
  const without = gorpWeb('train', '--resume', 'auto', '--out', 'plugged');
  expect(without.code).toBe(3);
  expect(without.err).toContain('There is no method "averaged-lora" here. One of a plugin needs it: --plugin FILE');
});

describe('programs that the page shows for a round', () => {
  const folder = 'logs_and_outputs/order_custom/outputs/1-people';
  let programs: Snippet[];
  let answer: string | undefined;
  beforeAll(async () => {
    // What the page's archives are unpacked to, and what npm makes of the package's `bin`.
    renameSync(join(consumer, 'run'), join(consumer, 'gorp-web-rounds'));
    const exported = ['--round', `gorp-web-rounds/${folder}`, '--out', 'gorp-web-onnx-f32-people'];
    expect(gorpWeb('export', ...exported)).toMatchObject({ code: 0, err: '' });
    mkdirSync(join(consumer, 'node_modules', '.bin'));
    chmodSync(join(installed, 'dist-lib', 'cli.js'), 0o755);
    symlinkSync('../gorp-web/dist-lib/cli.js', join(consumer, 'node_modules', '.bin', 'gorp-web'));
    const round = join(consumer, 'gorp-web-rounds', folder);
    const predictions = readFileSync(join(round, PREDICTIONS_FILE), 'utf8');
    const use = useOfRound(await openRoundFolder(round), folder, predictions);
    programs = snippetsFor(use, { onnx: 'f32', gguf: 'f16' });
    answer = use.example?.answer;
    expect(answer).toMatch(/./);
  }, 60_000);

  const codeOf = (id: Snippet['id']): string => programs.find((one) => one.id === id)?.code ?? '';

  test('on the command line', () => {
    const { stdout, stderr, status } = spawnSync('sh', ['-c', codeOf('command-line')], {
      cwd: consumer,
      encoding: 'utf8',
    });
    expect(status, stderr).toBe(0);
    expect(stdout).toBe(`${answer ?? ''}\n`);
  }, 60_000);

  test('in transformers.js', () => {
    writeFileSync(join(consumer, 'use.mjs'), codeOf('transformers.js'));
    const runtime = pathToFileURL(projectPath('src', 'testing', 'onnxruntime-of-node.ts')).href;
    const args = ['--import', 'tsx', '--import', runtime, 'use.mjs'];
    const { stdout, stderr } = spawnSync(process.execPath, args, { cwd: consumer, encoding: 'utf8' });
    expect(stderr).toBe('');
    expect(stdout).toBe(`${answer ?? ''}\n`);
  }, 60_000);
});

describe('the library of the package', () => {
  test('is typed, and can be used without training', () => {
    const source = `
      import { parseSettings, scoreOf, embeddedSettings, Run, type RunEvent, type RunHost } from 'gorp-web';
      import { nodeHost } from 'gorp-web/node';
      const settings = parseSettings(embeddedSettings('quick', 'gorp'));
      const events: RunEvent[] = [];
      const host: RunHost = { ...nodeHost({ device: 'auto' }), emit: (event) => events.push(event) };
      const run: Run = new Run(host, settings);
      run.stop();
      console.log(settings.order.join(' '), scoreOf('A cat.', 'a cat').exactMatch);
      // @ts-expect-error no such method
      export const refused = () => embeddedSettings('quick', 'none');
    `;
    writeFileSync(join(consumer, 'use.mts'), source);
    const compilerOptions = {
      strict: true,
      target: 'ES2023',
      module: 'NodeNext',
      lib: ['ES2023', 'DOM', 'DOM.Iterable', 'DOM.AsyncIterable'],
      types: [],
      allowJs: true,
      checkJs: true, // the example of a plugin is typed by its comments
      skipDefaultLibCheck: true, // the package's own declarations are checked
      rootDir: '.',
      outDir: 'out',
    };
    writeFileSync(
      join(consumer, 'tsconfig.json'),
      JSON.stringify({ compilerOptions, files: ['use.mts', 'plugin.mjs'] }),
    );
    copyFileSync(projectPath('docs', 'plugin-example.mjs'), join(consumer, 'plugin.mjs'));
    const [program, ...args] = nodeCommand('typescript/bin/tsc', '-p', consumer);
    const typed = spawnSync(program, args, { encoding: 'utf8' });
    // The DOM library of TypeScript 7.0 declares a part of WebGPU, and @webgpu/types declares it again.
    const faults = typed.stdout.split('\n').filter((line) => !line.includes('node_modules/@webgpu/types/'));
    expect(faults.join('\n')).toBe('');
    const used = spawnSync(process.execPath, [join(consumer, 'out', 'use.mjs')], { encoding: 'utf8', cwd: consumer });
    expect(used.stderr).toBe('');
    expect(used.stdout.trim()).toBe('people emoji true');
  }, 120_000);
});
