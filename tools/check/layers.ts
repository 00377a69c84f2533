/** Checks the imports of `src/` against `rules.ts`: layers, packages, shaders, cycles. */
import { projectRoot } from '../setup/process.ts';
import { readImports } from './imports.ts';
import { findViolations } from './violations.ts';

const violations = findViolations(readImports(projectRoot, 'src'));
for (const violation of violations) console.error(violation);
process.exitCode = violations.length > 0 ? 1 : 0;
