import { parseArgs, type ParseArgsConfig } from 'node:util';
import { DEVICE_CHOICES, type DeviceChoice } from '../base/device-choice.ts';
import { isPlainInShells } from '../base/visible.ts';
import { UsageError } from './exit.ts';

type Options = NonNullable<ParseArgsConfig['options']>;

/** Options of every command. */
const COMMON = {
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
  /** Files that `loadPlugins` has loaded before a command reads its options. */
  plugin: { type: 'string', multiple: true },
} as const satisfies Options;

/**
 * A text as an argument of a command that a person pastes into a shell. Where no quotes serve every shell (a path with `%`
 * or `$`), they are those of this platform.
 */
export function asArgument(text: string, platform: NodeJS.Platform = process.platform): string {
  if (/^[\w./:+][\w./:@+-]*$/.test(text)) return text; // PowerShell takes an @ at the beginning for a variable
  // A program takes \" for a quote, and "" within quotes.
  if (platform === 'win32') return `"${text.replace(/\\+$/, '$&$&').replaceAll('"', '""')}"`;
  return isPlainInShells(text) ? `"${text}"` : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

/** Values of options, by name; null leaves an option out. */
export type Change = Readonly<Record<string, string | readonly string[] | null>>;

/** The command of a person with some options changed, to paste into the shell that called this program. */
export function commandWith(command: string, args: readonly string[], change: Change): string {
  const isFlag = (name: string): boolean => Object.hasOwn(COMMON, name) && name !== 'plugin';
  const given: (readonly [name: string, value?: string | undefined])[] = [];
  for (let i = 0; i < args.length; i++) {
    const [, name = '', value] = /^--([^=]+)(?:=(.*))?$/s.exec(args[i]) ?? [];
    given.push([name, value ?? (isFlag(name) ? undefined : args[++i])]);
  }
  const kept = given.filter(([name]) => !Object.hasOwn(change, name));
  const added = Object.entries(change).flatMap(([name, values]) => [values ?? []].flat().map((one) => [name, one]));
  const options = [...kept, ...added].map(([name, value]) => {
    if (value === undefined) return `--${name}`;
    return `--${name}${value.startsWith('-') ? '=' : ' '}${asArgument(value)}`;
  });
  return [program(), command, ...options].join(' ');
}

/** How this program was called. npm tells it in these variables. */
function program(): string {
  const { npm_command: npm, npm_lifecycle_event: script } = process.env;
  if (npm === 'exec') return 'npx --no gorp-web';
  return script === 'gorp-web' ? 'npm run gorp-web --' : 'gorp-web';
}

/** The options and positionals of a command line. @throws UsageError. */
export function readArguments<O extends Options>(
  args: string[],
  options: O,
): ReturnType<typeof parseArgs<{ args: string[]; options: O & typeof COMMON; allowPositionals: true }>> {
  const all = { ...options, ...COMMON };
  try {
    const { tokens, ...read } = parseArgs({ args, options: all, allowPositionals: true, tokens: true });
    refuseRepeated(
      tokens.flatMap((token) => (token.kind === 'option' ? [token.name] : [])),
      all,
    );
    return read;
  } catch (thrown) {
    if (thrown instanceof UsageError) throw thrown;
    throw new UsageError(thrown instanceof Error ? thrown.message : String(thrown));
  }
}

/** Refuses an option that was given twice and takes one value: only the last would count. @throws UsageError. */
function refuseRepeated(given: readonly string[], options: Options): void {
  const twice = given.find((name, i) => given.indexOf(name) !== i && options[name]?.multiple !== true);
  if (twice !== undefined && options[twice]?.type === 'string') {
    throw new UsageError(`--${twice} was given twice, but takes one value. Leave out one of the two.`);
  }
}

/** A whole number. @throws UsageError. */
export function wholeNumber(option: string, text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isSafeInteger(value)) {
    throw new UsageError(`${option} takes a whole number, not ${JSON.stringify(text)}.`);
  }
  return value;
}

/** A number above 0. @throws UsageError. */
function positiveNumber(option: string, text: string): number {
  const value = Number(text);
  if (!(value > 0) || !Number.isFinite(value)) {
    throw new UsageError(`${option} takes a number above 0, not ${JSON.stringify(text)}.`);
  }
  return value;
}

/** `--gpu-memory` as bytes; null if not given. @throws UsageError. */
const memoryBudget = (gib: string | undefined): number | null =>
  gib === undefined ? null : positiveNumber('--gpu-memory', gib) * 2 ** 30;

/** `--gpu-share`, a percentage, as a share of 1. @throws UsageError. */
function shareOf(percent: string): number {
  const share = positiveNumber('--gpu-share', percent) / 100;
  if (share > 1) throw new UsageError(`--gpu-share takes at most 100 percent, not ${percent}.`);
  return share;
}

/** `--checkpoint`, minutes, as seconds. @throws UsageError. */
export function checkpointSeconds(minutes: string): number {
  const value = Number(minutes);
  if (minutes.trim() === '' || !(value >= 0) || !Number.isFinite(value)) {
    throw new UsageError(`--checkpoint takes a number of minutes, not ${JSON.stringify(minutes)}.`);
  }
  return value * 60;
}

/** One of a list of words. @throws UsageError naming them. */
export function oneOf<T extends string>(option: string, text: string, allowed: readonly T[]): T {
  const found = allowed.find((one) => one === text);
  if (found === undefined) throw new UsageError(`${option} takes one of ${allowed.join(', ')}; not ${text}.`);
  return found;
}

/** Refuses positional arguments. @throws UsageError. */
export function noPositionals(positionals: readonly string[]): void {
  if (positionals.length > 0) throw new UsageError(`Unexpected argument ${JSON.stringify(positionals[0])}.`);
}

/** Options of commands that compute. */
export const DEVICE_OPTIONS = {
  device: { type: 'string', default: 'auto' },
  'gpu-memory': { type: 'string' },
  'gpu-share': { type: 'string', default: '100' },
} as const satisfies Options;

export const DEVICE_USAGE = `  --device NAME    auto (default: a graphics card, else the CPU), gpu or cpu
  --gpu-memory GIB refuses runs that need more memory, before downloading weights
  --gpu-share PERCENT  limits the run to this share of a graphics card's time (default: 100)`;

/** Returns the choices of {@link DEVICE_OPTIONS}. @throws UsageError. */
export const deviceChoices = (values: {
  device: string;
  'gpu-memory'?: string | undefined;
  'gpu-share': string;
}): { device: DeviceChoice; memoryBudget: number | null; gpuShare: number } => ({
  device: oneOf('--device', values.device, DEVICE_CHOICES),
  memoryBudget: memoryBudget(values['gpu-memory']),
  gpuShare: shareOf(values['gpu-share']),
});

/** Whether an option was given rather than left at its default. */
export const isGiven = (args: readonly string[], option: string): boolean =>
  args.some((arg) => arg === `--${option}` || arg.startsWith(`--${option}=`));

/** Refuses options that would have no effect. @param why what the command uses instead. @throws UsageError. */
export function refuseOptions(args: readonly string[], options: readonly string[], why: string): void {
  const given = options.find((option) => isGiven(args, option));
  if (given !== undefined) throw new UsageError(`--${given} has no effect here: ${why}.`);
}
