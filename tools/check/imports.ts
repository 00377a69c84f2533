import { readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import ts from 'typescript';

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
 * relative specifiers start there.
 */
export function importsOf(path: string, text: string): Import[] {
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  const found: Import[] = [];
  const add = (node: ts.Node | undefined, kind: Import['kind']): void => {
    if (!node || !ts.isStringLiteralLike(node)) return;
    const specifier = node.text.replace(/\?.*$/, '');
    const target = specifier.startsWith('.') ? posix.join(posix.dirname(path), specifier) : undefined;
    found.push({ specifier, target, kind, line: source.getLineAndCharacterOfPosition(node.getStart()).line + 1 });
  };
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) {
      add(node.moduleSpecifier, node.importClause?.isTypeOnly ? 'type' : 'value');
    } else if (ts.isExportDeclaration(node)) {
      add(node.moduleSpecifier, node.isTypeOnly ? 'type' : 'value');
    } else if (ts.isImportTypeNode(node)) {
      add(ts.isLiteralTypeNode(node.argument) ? node.argument.literal : undefined, 'type');
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      add(node.arguments[0], 'value');
    } else if (ts.isCallExpression(node) && node.expression.getText() === 'import.meta.glob') {
      const patterns = node.arguments[0];
      const list = patterns && ts.isArrayLiteralExpression(patterns) ? patterns.elements : [patterns];
      for (const pattern of list) add(pattern, 'value');
    } else if (ts.isNewExpression(node) && node.expression.getText() === 'URL') {
      if (node.arguments?.[1]?.getText() === 'import.meta.url') add(node.arguments[0], 'address');
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}
