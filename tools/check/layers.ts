/** Checks the imports of `src/`, and of the folders beside it, against `rules.ts`: layers, packages, shaders, cycles. */
import { projectRoot } from '../setup/process.ts';
import { readImports } from './imports.ts';
import { BESIDE } from './rules.ts';
import { findViolations } from './violations.ts';

const imports = ['src', ...BESIDE].flatMap((folder) => [...readImports(projectRoot, folder)]);
const violations = findViolations(new Map(imports));
for (const violation of violations) console.error(violation);
process.exitCode = violations.length > 0 ? 1 : 0;
