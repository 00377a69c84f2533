import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { nodeCommand, projectPath } from '../setup/process.ts';

// One violation of each kind of rule that the project's own code never breaks, so that only this test tells whether
// the rules are on: of the syntax, of types, of React's hooks and compiler, the project's own; and one error that the compiler finds.
const FILES = {
  'tsconfig.json': `{ "compilerOptions": { "strict": true, "jsx": "preserve", "types": [] }, "include": ["src"] }`,
  'src/base/a.ts': `
export const parsed = (text: string): number => JSON.parse(text);
export const start = (run: () => Promise<void>): void => { run(); };
export const listen = (on: (done: () => void) => void): void => { on(async () => { await Promise.resolve(); }); };
export const name = (kind: 'a' | 'b'): string => { switch (kind) { case 'a': return 'A'; } return 'B'; };
export class Counter { private count = 0; next(): number { return ++this.count; } }
// oxlint-disable-next-line no-var
export let first: any = 1;
export const count: number = 'one';
`,
  'src/app/a.tsx': `
export function A({ on }: { on: boolean }) { if (on) useState(1); return null; }
export function B({ x }: { x: number }) { useEffect(() => { console.log(x); }, []); return null; }
export function C() { const Inner = () => null; return <Inner />; }
export function D() { const [, set] = useState(0); useEffect(() => { set(1); }, []); return null; }
`,
};

let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'gorp-lint-'));
  for (const path of ['.oxlintrc.json', 'tools/check/private-members.mjs']) cpSync(projectPath(path), join(root, path));
  for (const [path, text] of Object.entries(FILES)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
});
afterAll(() => {
  rmSync(root, { recursive: true, force: true });
});

test('each kind of rule is on', () => {
  const [program, ...args] = nodeCommand('oxlint/bin/oxlint', '--format', 'unix', 'src');
  const { stdout, stderr, status } = spawnSync(program, args, { cwd: root, encoding: 'utf8' });
  expect(status, stdout + stderr).toBe(1);
  for (const found of [
    /a\.ts:2:.*no-unsafe-return/,
    /a\.ts:3:.*no-floating-promises/,
    /a\.ts:4:.*no-misused-promises/,
    /a\.ts:5:.*switch-exhaustiveness-check/,
    /a\.ts:6:.*private-members/,
    /a\.ts:7:.*Unused oxlint-disable directive/,
    /a\.ts:8:.*prefer-const/,
    /a\.ts:8:.*no-explicit-any/,
    /a\.ts:9:.*TS2322/,
    /a\.tsx:2:.*rules-of-hooks/,
    /a\.tsx:3:.*exhaustive-deps/,
    /a\.tsx:4:.*static-components/,
    /a\.tsx:5:.*set-state-in-effect/,
  ]) {
    expect(stdout).toMatch(found);
  }
}, 30_000);
