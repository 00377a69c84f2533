import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { GorpError } from '../base/errors.ts';
import { sha256Of } from '../base/sha256.ts';
import { addPlugin } from '../run/plugin.ts';
import type { Probe } from '../run/probes/own-probe.ts';
import type { Results } from '../run/results/results.ts';
import { UsageError } from './exit.ts';

/** The plugins of this process, as results name them, and their probes. */
const loaded: { readonly name: string; readonly sha256: string; readonly probes: readonly Probe[] }[] = [];

/** Returns the plugins for the host of a run. */
export const pluginsOfHost = (): { plugins?: { name: string; sha256: string }[]; probes: readonly Probe[] } => ({
  ...(loaded.length > 0 && { plugins: loaded.map(({ name, sha256 }) => ({ name, sha256 })) }),
  probes: loaded.flatMap(({ probes }) => probes),
});

/**
 * Loads the plugins of `--plugin FILE`, which every command takes.
 *
 * @throws UsageError; GorpError `plugin/…`.
 */
export async function loadPlugins(args: readonly string[]): Promise<void> {
  for (let i = 0; i < args.length; i++) {
    const [option, ...value] = args[i].split('=');
    if (option !== '--plugin') continue;
    const file = value.length > 0 ? value.join('=') : args[++i];
    if (file === undefined || file === '') throw new UsageError('--plugin takes a file.');
    await load(file);
  }
}

async function load(file: string): Promise<void> {
  const path = resolve(file);
  const missing = (what: string, cause: unknown): GorpError =>
    new GorpError('plugin/unusable', `The plugin ${file} ${what}.`, 'Name the JavaScript file of a plugin.', { cause });
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw missing('cannot be read', cause);
  });
  const module = (await import(/* @vite-ignore */ pathToFileURL(path).href).catch((cause: unknown) => {
    throw missing(`cannot be loaded: ${cause instanceof Error ? cause.message : String(cause)}`, cause);
  })) as { default?: unknown };
  const { name, probes = [] } = addPlugin(module.default, file);
  loaded.push({ name, sha256: await sha256Of(new Uint8Array(bytes)), probes });
}

/**
 * Refuses to resume a run with other plugins than it began with. Those that a file imports are not compared.
 *
 * @throws GorpError `run/made-of-other`, naming the plugin.
 */
export function refuseOtherPlugins({ code }: Pick<Results, 'code'>): void {
  for (const { name, sha256 } of code.plugins ?? []) {
    const now = loaded.find((one) => one.name === name);
    if (now?.sha256 === sha256) continue;
    throw new GorpError(
      'run/made-of-other',
      `The run began with the plugin ${name}, which ${now ? 'has changed since' : 'is not here'}.`,
      now ? 'Restore its file, or begin a new run.' : 'Name its file with --plugin.',
    );
  }
}
