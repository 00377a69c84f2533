import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Plugin } from 'vite';

const FILE = 'licenses.txt';

interface Package {
  name: string;
  version: string;
  license: string;
  text: string;
}

/**
 * Writes `licenses.txt` beside the built page: name, version and licence text of every package whose code is in it or in
 * one of its workers. (Vite's own `build.license` leaves the workers out.) A package without a licence text stops the
 * build.
 *
 * @returns the plugin for the page, and one for its workers, which are bundled before it.
 */
export function bundledLicenses(): { page: Plugin; worker: () => Plugin } {
  const roots = new Set<string>();
  const collect = (ids: Iterable<string>): void => {
    for (const id of ids) {
      const root = packageRoot(id);
      if (root !== null) roots.add(root);
    }
  };
  return {
    worker: () => ({
      name: 'licenses-of-a-worker',
      generateBundle(_, bundle) {
        collect(modulesOf(bundle));
      },
    }),
    page: {
      name: 'licenses',
      apply: 'build',
      generateBundle(_, bundle) {
        collect(modulesOf(bundle));
        this.emitFile({ type: 'asset', fileName: FILE, source: licensesText([...roots].map(readPackage)) });
      },
    },
  };
}

type Bundle = Record<string, { type: 'asset' } | { type: 'chunk'; modules: Record<string, unknown> }>;

/** Paths of all modules whose code is in a bundle. */
const modulesOf = (bundle: Bundle): string[] =>
  Object.values(bundle).flatMap((file) => (file.type === 'chunk' ? Object.keys(file.modules) : []));

/** The folder of the package that a module belongs to; null for the project's own and for made-up modules. */
function packageRoot(id: string): string | null {
  const [, root] = /^\0?(.*\/node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(id.replaceAll('\\', '/')) ?? [];
  return root ?? null;
}

/** The licence text of a package that is published without it. */
function textHere(name: string): string[] {
  const file = join(import.meta.dirname, 'texts', `${name}.txt`);
  return existsSync(file) ? [file] : [];
}

function readPackage(root: string): Package {
  const { name, version, license } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    name: string;
    version: string;
    license?: string;
  };
  const inPackage = readdirSync(root).filter((file) => /^(?:licen[cs]e|copying|notice)/i.test(file));
  const files = inPackage.length > 0 ? inPackage.map((file) => join(root, file)) : textHere(name);
  const text = files.map((file) => readFileSync(file, 'utf8').trim()).join('\n\n');
  if (text === '')
    throw new Error(`${name} in ${dirname(root)} has no licence text that could be shipped with its code.`);
  return { name, version, license: license ?? 'see below', text };
}

function licensesText(packages: Package[]): string {
  const sorted = packages.sort((a, b) => a.name.localeCompare(b.name));
  const parts = sorted.map(({ name, version, license, text }) => `${name} ${version} (${license})\n\n${text}\n`);
  return ['This page contains code of the packages below, each under its own licence.\n', ...parts].join(
    `\n${'-'.repeat(80)}\n\n`,
  );
}
