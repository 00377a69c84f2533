import { beforeEach, expect, type MockInstance, test, vi } from 'vitest';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { main } from './main.ts';

// Set by the build; modules read it while they are imported.
vi.hoisted(() => vi.stubGlobal('__APP_VERSION__', 'test'));

let error: MockInstance<typeof console.error>;
let log: MockInstance<typeof console.log>;
beforeEach(() => {
  vi.stubGlobal('__APP_VERSION__', 'test');
  const cache = mkdtempSync(join(tmpdir(), 'gorp-main-'));
  vi.stubEnv('GORP_WEB_CACHE', cache);
  error = vi.spyOn(console, 'error').mockImplementation(() => undefined);
  log = vi.spyOn(console, 'log').mockImplementation(() => undefined);
  return () => {
    vi.restoreAllMocks();
    rmSync(cache, { recursive: true });
  };
});

const textOf = (spy: typeof error | typeof log): string => spy.mock.calls.flat().join('\n');

test.each<[string[], number, string]>([
  [[], 2, 'Usage'],
  [['frobnicate'], 2, 'Unknown command'],
  [['train', '--frobnicate'], 2, '"gorp-web train --help" lists'],
  [['train', '--seed', 'x'], 2, 'whole number'],
  [['train', '--set', 'training.nothing=1'], 2, 'no setting training.nothing'],
  [['train', '--order', '1'], 2, '--tasks'],
  [['train', '--set', 'training.batchSize=0'], 3, 'settings/invalid'],
  [['train', '--order', 'absent.json'], 3, 'run/unreadable-file'],
  [['train', '--resume', 'absent'], 3, 'run/bad-round'],
  [['merge', '--round', 'x'], 2, '--out'],
  [['generate', '--prompt', 'x'], 2, '--round or --model'],
  [['generate', '--round', 'absent', '--prompt', 'x'], 3, 'run/bad-round'],
  [['generate', '--model', 'embedded', '--prompt', 'x', '--max-new-tokens', '0'], 2, 'a whole number from 1 to'],
  [['generate', '--round', 'absent', '--prompt-form', 'chat', '--prompt', 'x'], 2, 'has no effect'],
  [['models', 'verify', 'no/model'], 3, 'store/no-model'],
  [['study', '--shard', '2/2'], 2, '--shard'],
  [['study', '--orders', 'gloss,field', 'gloss,field'], 2, '--orders names gloss,field twice'],
  [['study', '--order', 'gloss', '--orders', 'field'], 2, '--orders takes the place of --order'],
  [['study', '--format', 'word'], 2, '--format'],
  [['study', '--plan', 'plan.json', '--set', 'training.epochs=2'], 2, '--set has no effect here: the plan sets it'],
  [['study', '--merge', 'a', '--methods', 'gpm'], 2, '--methods has no effect here: --merge makes no runs'],
  [['study', '--merge', 'a', '--device', 'cpu'], 2, '--device has no effect here: --merge makes no runs'],
  [['study', '--merge', 'a', '--shard', '0/2'], 2, '--shard has no effect here: --merge makes no runs'],
  [['study', '--plan', 'a', '--report', '--shard', '0/2'], 2, '--shard has no effect here: --report makes no runs'],
  [['plan', '--gpu-share', '1'], 2, '--gpu-share has no effect here: a plan trains nothing'],
  [['plan', '--published', '--device', 'cpu'], 2, '--device has no effect here: --published prints a fixed table'],
  [['plan', '--published', '--model', 'embedded'], 2, '--model has no effect here'],
])('%j ends with %i', async (args, code, text) => {
  expect(await main(args)).toBe(code);
  expect(textOf(error)).toContain(text);
});

test('each command lists its options', async () => {
  await main(['--help']);
  const commands = [...textOf(log).matchAll(/^ {2}(\w+) +\w/gm)].map(([, name]) => name);
  expect(commands.length).toBeGreaterThan(8);
  for (const command of commands) {
    log.mockClear();
    expect(await main([command, '--help'])).toBe(0);
    expect(textOf(log)).toContain(`Usage: gorp-web ${command}`);
  }
  expect(error).not.toHaveBeenCalled();
});

test('a command that is suggested loads the same plugins', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'gorp-main-'));
  const file = join(folder, 'plugin.mjs');
  writeFileSync(file, "export default () => ({ interface: 1, name: 'nothing' });");
  expect(await main(['train', '--plugin', file, '--base', 'embedded'])).toBe(2);
  expect(textOf(error)).toContain(` train --plugin ${file} --model embedded`);
  rmSync(folder, { recursive: true });
});
