import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { asArgument, commandWith, readArguments, refuseOptions } from './arguments.ts';
import { UsageError } from './exit.ts';
import { cacheFile } from './machine.ts';
import { hubAccess, modelsFolder } from './named-models.ts';

test('refuses options that would be ignored, by name', () => {
  const refuse = (...args: string[]) => refuseOptions(args, ['model', 'method'], 'the round sets them');
  expect(() => refuse('--round', 'run/1-gloss', '--model', 'org/name')).toThrow(/--model has no effect/);
  expect(() => refuse('--method=gorp')).toThrow(UsageError);
  expect(() => refuse('--round', 'model', '--set', 'method.loraRank=4')).not.toThrow();
});

test('refuses an option of one value that is given twice, where the last alone would count', () => {
  const options = { order: { type: 'string' }, task: { type: 'string', multiple: true } } as const;
  expect(() => readArguments(['--order', '1', '--order=2'], options)).toThrow(/--order was given twice/);
  expect(readArguments(['--task', 'a', '--task', 'b', '--json', '--json'], options).values).toMatchObject({
    task: ['a', 'b'],
    json: true,
  });
});

const ODD = [
  'mails',
  'my mails',
  'a&b',
  'a;b (c)',
  '^x^',
  "it's",
  'Grüße',
  'a,name=b',
  '100 %',
  'wow!',
  '$HOME',
  '`id`',
  'say "hi"',
  '-rf',
  '@models',
  '',
];

test('an argument reaches a program as it is from a POSIX shell', () => {
  const program = `process.stdout.write(JSON.stringify(process.argv.slice(1)))`;
  const line = [process.execPath, '-e', program, '--', ...ODD].map((text) => asArgument(text, 'linux')).join(' ');
  expect(JSON.parse(execFileSync('sh', ['-c', line], { encoding: 'utf8' }))).toEqual(ODD);
});

/**
 * The arguments of a line in PowerShell (about_Parsing, about_Quoting_Rules) and in cmd: double quotes join, and what cmd
 * or PowerShell would expand in them is refused. Outside of quotes only letters that neither obeys are allowed.
 */
function inWindows(line: string): string[] {
  return Array.from(line.matchAll(/"((?:[^"]|"")*)"|([\w./:+-][\w./:@+-]*)/g), ([, quoted, bare]) => {
    expect(quoted ?? '').not.toMatch(/[$`%“”„]/);
    // As a program reads "" within quotes, and \\ before one.
    return (quoted?.replaceAll('""', '"') ?? bare).replace(/\\\\$/, '\\');
  });
}

test('an argument reaches a program as it is from cmd and PowerShell', () => {
  const plain = [
    'mails',
    'C:\\my models\\mails',
    'C:\\mails\\',
    'a&b',
    'a;b (c)',
    '^x^',
    "it's",
    'Grüße',
    'a,name=b',
    'say "hi"',
    '@models',
  ];
  expect(inWindows(plain.map((text) => asArgument(text, 'win32')).join(' '))).toEqual(plain);
});

test('a command with other options reaches the program as it is', () => {
  const args = [
    '--from',
    'my runs/a',
    '--task=x y.csv,name=b',
    '--json',
    '--out',
    '-odd',
    '--set',
    'method.loraRank=4',
  ];
  const again = commandWith('train', args, { out: null, set: [], task: ['a.csv', '-b.csv'], base: '/m' });
  expect(again).toMatch(/^(?:npx --no )?gorp-web train /);
  const program = `process.stdout.write(JSON.stringify(process.argv.slice(1)))`;
  const line = again.replace(/^.*?gorp-web/, `${asArgument(process.execPath)} -e ${asArgument(program)} --`);
  expect(JSON.parse(execFileSync('sh', ['-c', line], { encoding: 'utf8' }))).toEqual([
    'train',
    '--from',
    'my runs/a',
    '--json',
    '--task',
    'a.csv',
    '--task=-b.csv',
    '--base',
    '/m',
  ]);
  expect(commandWith('train', args, {})).toMatch(/--out='-odd' /);
  const plugins = ['--plugin', 'a b.js', '--plugin=c.js', '--json'];
  expect(commandWith('train', plugins, {})).toMatch(/ train --plugin .a b\.js. --plugin c\.js --json$/);
});

test('empty variables count as unset', () => {
  expect(hubAccess({ HF_TOKEN: '', HF_ENDPOINT: '' })).toEqual(hubAccess({}));
  expect(hubAccess({ HF_TOKEN: 'hf_x', HF_ENDPOINT: 'https://hub' })).toEqual({
    endpoint: 'https://hub',
    token: 'hf_x',
  });
  expect(modelsFolder({ GORP_WEB_CACHE: '', XDG_CACHE_HOME: '' })).toBe(modelsFolder({}));
  expect(modelsFolder({ GORP_WEB_CACHE: '/cache' })).toBe('/cache');
  expect(cacheFile('speeds.json', { XDG_CACHE_HOME: '' })).toBe(cacheFile('speeds.json', {}));
});
