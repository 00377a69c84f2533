/** Checks what people read, from comments to documents, against the phrases of `phrases.ts`. */
import { readdirSync, readFileSync } from 'node:fs';
import { projectPath } from '../setup/process.ts';
import { findPhrases } from './phrases.ts';

const FOLDERS = ['src', 'shaders', 'e2e', 'tools', 'lab', 'docs', 'reference', 'public/embedded'];
const READ = /\.(?:ts|tsx|js|mjs|py|wgsl|html|css|md)$/;
/** Written by programs, from texts that are checked. */
const GENERATED = /^src\/methods\/all\.ts$|^docs\/methods\.md$|\/dist\//;

const filesIn = (folder: string, recursive: boolean): string[] =>
  readdirSync(projectPath(folder), { recursive, encoding: 'utf8' }).map((name) =>
    [...(folder === '.' ? [] : [folder]), name.replaceAll('\\', '/')].join('/'),
  );

const files = [...filesIn('.', false), ...FOLDERS.flatMap((folder) => filesIn(folder, true))];
for (const path of files.filter((path) => READ.test(path) && !GENERATED.test(path)).sort()) {
  for (const { line, phrase, say } of findPhrases(path, readFileSync(projectPath(path), 'utf8'))) {
    console.error(`${path}:${line}: "${phrase}": say ${say}`);
    process.exitCode = 1;
  }
}
