import { measureBlock } from '../../../src/bench/block-step.ts';
import { benchOf, type Section } from '../bench.ts';
import { cpuSection } from './cpu.ts';
import { evaluationSection } from './evaluation.ts';
import { matmulSection, selectionSection } from './matmul.ts';
import { slicesSection } from './slices.ts';
import { spacesSection } from './spaces.ts';
import { embeddedSteps, t5SmallSteps } from './steps.ts';

/** One encoder block on a graphics adapter. */
const blockSection: Section = (place, { rounds }) =>
  measureBlock(benchOf(place, { rounds, smallProducts: false, chosenKernels: false }));

/** The sections, in the order in which they run. */
export const SECTIONS = {
  cpu: cpuSection,
  matmul: matmulSection,
  selection: selectionSection,
  block: blockSection,
  embedded: embeddedSteps,
  slices: slicesSection,
  evaluation: evaluationSection,
  't5-small': t5SmallSteps,
  spaces: spacesSection,
} satisfies Record<string, Section>;

export type SectionName = keyof typeof SECTIONS;
