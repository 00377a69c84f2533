import { isBuiltin } from 'node:module';
import type { Import } from './imports.ts';
import {
  APART,
  BESIDE,
  IMPURE,
  LAB,
  LAB_DOOR,
  LAYERS,
  NOT_FOR_CORE,
  PAGE,
  ROOMS,
  SHADERS_USERS,
  TESTERS,
  TESTING,
} from './rules.ts';

type Imports = ReadonlyMap<string, readonly Import[]>;

/** A test, or a helper of tests: those of all layers in `src/testing`, those of one in its own folder `testing`. */
const isTest = (path: string): boolean => /\.(test|slow)\.tsx?$/.test(path) || path.split('/').includes(TESTING);

const isTester = (path: string): boolean => TESTERS.some((folder) => path.startsWith(`${folder}/`));

/** The folder of `src/` that a path lies in, or the name of a file directly in `src/`; undefined outside `src/`. */
function folderOf(path: string): string | undefined {
  const [top, name] = path.split('/');
  return top === 'src' ? name : undefined;
}

/** `@scope/name/deep/file` → `@scope/name`. */
const packageOf = (specifier: string): string =>
  specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');

/**
 * Every violation of `rules.ts` in the imports of `src/` and of the folders beside it, one sentence each.
 * @param imports path from the root (`src/device/device.ts`) → its imports.
 */
export function findViolations(imports: Imports): string[] {
  const found: string[] = [];
  for (const [path, list] of imports) {
    const find = BESIDE.includes(path.split('/')[0]) ? faultBeside : isTest(path) ? faultOfTest : faultOf;
    for (const one of list) {
      const fault = faultOfLab(path, one) ?? find(path, one, imports);
      if (fault !== undefined) found.push(`${path}:${one.line} imports "${one.specifier}": ${fault}`);
    }
  }
  return [...found, ...findCycles(imports).map((cycle) => `cycle: ${cycle.join(' → ')}`)];
}

/** Returns the fault of an import of the laboratory: it lies above all that ships and all that builds it. */
function faultOfLab(path: string, { target }: Import): string | undefined {
  if (path === LAB_DOOR.from && target === LAB_DOOR.to) return undefined;
  const [from, to] = [path, target ?? ''].map((one) => one.split('/')[0]);
  return to === LAB && ['src', 'tools'].includes(from) ? `${from} knows nothing of ${LAB}` : undefined;
}

/** Returns the fault of an import of a test: it may import every layer but the page, and no other layer's helpers. */
function faultOfTest(path: string, { target, kind }: Import): string | undefined {
  const [folder, other] = [folderOf(path), folderOf(target ?? '')];
  if (target === undefined || other === undefined || other === folder || kind === 'address') return undefined;
  if (other === PAGE) return `only tests of ${PAGE} may import it. What other layers share belongs below it`;
  const isHelper = other !== TESTING && target.split('/').includes(TESTING);
  return isHelper ? `helpers that two layers use belong in src/${TESTING}` : undefined;
}

/** Returns the fault of an import of a file beside `src/`: what ships, and what measures it, does without tests. */
function faultBeside(path: string, { target, kind }: Import): string | undefined {
  if (target === undefined || kind === 'address' || isTester(path) || isTest(path)) return undefined;
  if (isTest(target))
    return 'only tests, and programs that test (tools/check/rules.ts), may import tests and their helpers';
  return folderOf(target) === PAGE ? `only programs that test may import ${PAGE}` : undefined;
}

function faultOf(path: string, { specifier, target, kind }: Import, imports: Imports): string | undefined {
  const folder = folderOf(path) ?? '';
  if (target === undefined) return packageFault(folder, specifier);
  if (target.startsWith('shaders/')) {
    return SHADERS_USERS.includes(folder) ? undefined : `only src/{${SHADERS_USERS.join(',')}} may import shaders`;
  }
  const other = folderOf(target);
  if (kind === 'address' || other === undefined) return undefined;
  if (other === folder) return roomFault(folder, path, target);
  if (isTest(target)) return 'only tests may import tests and their helpers';
  const rule = LAYERS[folder];
  if (!rule) return `src/${folder} is not a layer. Give it a rule in tools/check/rules.ts`;
  if (rule.layers.includes(other) || rule.files?.includes(target.slice('src/'.length))) return undefined;
  if (rule.pureFilesOf?.includes(other)) {
    const way = kind === 'type' ? undefined : wayToImpure(target, imports);
    return way && `${folder} may import only pure files of ${other}, and this one leads to ${way.join(' → ')}`;
  }
  const allowed = [
    ...rule.layers,
    ...(rule.files ?? []),
    ...(rule.pureFilesOf ?? []).map((name) => `pure files of ${name}`),
  ];
  return `${folder} may import only ${allowed.join(', ') || 'itself'}`;
}

/** Returns the fault of an import within a layer that has rooms. */
function roomFault(folder: string, path: string, target: string): string | undefined {
  const rooms = ROOMS[folder];
  if (rooms === undefined) return undefined;
  const roomOf = (file: string): string | undefined => /^src\/[^/]+\/([^/]+)\//.exec(file)?.[1];
  const [from, to] = [path, target].map((file) => {
    const room = roomOf(file);
    return room === undefined ? rooms.length : rooms.indexOf(room);
  });
  if (from < 0) return `src/${folder}/${roomOf(path)} is not a room. Give it a place in tools/check/rules.ts`;
  return to > from ? `${roomOf(path)} is below ${roomOf(target) ?? folder} in src/${folder}` : apartFault(path, target);
}

/** Returns the fault of an import between two folders of a room that keeps them apart. */
function apartFault(path: string, target: string): string | undefined {
  const room = APART.find((one) => path.startsWith(`${one}/`) && target.startsWith(`${one}/`));
  if (room === undefined) return undefined;
  const [from, to] = [path, target].map((file) => file.slice(room.length + 1).split('/')[0]);
  return from === to
    ? undefined
    : `${room}/${from} and ${room}/${to} stay apart: what both need belongs in a lower room`;
}

/** Returns the fault of the import of a package or of a module of Node. */
function packageFault(folder: string, specifier: string): string | undefined {
  if (!LAYERS[folder]?.core) return undefined;
  if (isBuiltin(specifier)) return `${folder} is core code, which also runs in a page, without Node's modules`;
  if (NOT_FOR_CORE.includes(packageOf(specifier))) {
    return `${folder} is core code, which runs in a page, a worker and Node, and this package does not`;
  }
  return undefined;
}

/** A chain of value imports from a file to a file of an impure layer, the file first; undefined when it is pure. */
function wayToImpure(start: string, imports: Imports): string[] | undefined {
  const seen = new Set<string>();
  const search = (path: string): string[] | undefined => {
    if (IMPURE.includes(folderOf(path) ?? '')) return [path];
    if (seen.has(path)) return undefined;
    seen.add(path);
    for (const { target, kind } of imports.get(path) ?? []) {
      const way = target !== undefined && kind === 'value' ? search(target) : undefined;
      if (way) return [path, ...way];
    }
    return undefined;
  };
  return search(start);
}

/** Cycles of files, each once, with the first file repeated at the end. Type imports count: layers also order reading. */
function findCycles(imports: Imports): string[][] {
  const cycles: string[][] = [];
  const done = new Set<string>();
  const walk = (path: string, above: string[]): void => {
    const start = above.indexOf(path);
    if (start >= 0) {
      cycles.push([...above.slice(start), path]);
      return;
    }
    if (done.has(path)) return;
    for (const { target, kind } of imports.get(path) ?? []) {
      if (kind !== 'address' && target !== undefined && imports.has(target)) walk(target, [...above, path]);
    }
    done.add(path);
  };
  for (const path of imports.keys()) walk(path, []);
  return cycles;
}
