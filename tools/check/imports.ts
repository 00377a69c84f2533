import { readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { type ESTree, parseSync, Visitor } from 'vite';

/** One place where a source file names a module or another file. */
export interface Import {
  /** The module as written, without Vite's `?raw` and the like. */
  specifier: string;
  /** For a relative specifier: the path from the root, with `/`. */
  target: string | undefined;
  /** `type` is gone at run time; `address` is `new URL(…, import.meta.url)`: a worker or a file, from which no name is imported. */
  kind: 'value' | 'type' | 'address';
  line: number;
}

// AssemblyScript: its own compiler checks its imports.
const NOT_TYPESCRIPT = 'src/device/wasm/kernels/';

/** Path (from the root, with `/`) → imports, for every TypeScript file at or below `folder`. */
export function readImports(root: string, folder: string): Map<string, Import[]> {
  const files = readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .map((name) => posix.join(folder, name.replaceAll('\\', '/')))
    .filter((path) => /\.tsx?$/.test(path) && !path.startsWith(NOT_TYPESCRIPT))
    .sort();
  return new Map(files.map((path) => [path, importsOf(path, readFileSync(join(root, path), 'utf8'))]));
}

/**
 * The imports of a file: `import`, `export … from`, `import(…)` of a module and in a type, and Vite's ways of including
 * files, `import.meta.glob(…)` and `new URL(…, import.meta.url)`. @param path of the file from the root, with `/`;
 * relative specifiers start there. @throws Error when the file cannot be parsed.
 */
function importsOf(path: string, text: string): Import[] {
  const { program, errors } = parseSync(path, text);
  if (errors[0]) throw new Error(`${path} cannot be parsed: ${errors[0].message}`);
  const found: Import[] = [];
  const add = (node: ESTree.Node | null | undefined, kind: Import['kind']): void => {
    const text = stringOf(node);
    if (!node || text === undefined) return;
    const specifier = text.replace(/\?.*$/, '');
    const target = specifier.startsWith('.') ? posix.join(posix.dirname(path), specifier) : undefined;
    found.push({ specifier, target, kind, line: lineOf(node.start) });
  };
  const sourceOf = ({ start, end }: ESTree.Span): string => text.slice(start, end);
  const lineOf = (offset: number): number => text.slice(0, offset).split('\n').length;
  new Visitor({
    ImportDeclaration: (node) => add(node.source, node.importKind ?? 'value'),
    ExportNamedDeclaration: (node) => add(node.source, node.exportKind ?? 'value'),
    ExportAllDeclaration: (node) => add(node.source, node.exportKind ?? 'value'),
    TSImportType: (node) => add(node.source, 'type'),
    ImportExpression: (node) => add(node.source, 'value'),
    CallExpression: (node) => {
      const [patterns] = node.arguments;
      if (!patterns || sourceOf(node.callee) !== 'import.meta.glob') return;
      const list = patterns.type === 'ArrayExpression' ? patterns.elements : [patterns];
      for (const pattern of list) add(pattern, 'value');
    },
    NewExpression: (node) => {
      const [address, base] = node.arguments;
      if (sourceOf(node.callee) === 'URL' && base && sourceOf(base) === 'import.meta.url') add(address, 'address');
    },
  }).visit(program);
  return found;
}

/** The text of a string, or of a template with nothing to fill in; undefined for any other expression. */
function stringOf(node: ESTree.Node | null | undefined): string | undefined {
  if (node?.type === 'Literal' && typeof node.value === 'string') return node.value;
  if (node?.type === 'TemplateLiteral' && node.expressions.length === 0)
    return node.quasis[0]?.value.cooked ?? undefined;
  return undefined;
}
