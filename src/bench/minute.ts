import { EMBEDDED_STEPS, KERNEL_PARTS, MODEL_PARTS, omit, type Part } from './benchmark-parts.ts';

/** How long the page measures. */
export const MINUTE = 60;

// Models of published size that a card measures within the minute.
const QUICK_MODELS = 2;
const TOO_LONG = 'it takes longer than a minute; the benchmark in Node, `npm run bench:bundle`, runs it';
const NOT_HERE: readonly string[] = ['embedded model', 'PyTorch'];

/** What the page measures in a minute, and the bundle's other parts as not run. @param isSlow whether the CPU computes. */
export const minuteParts = (isSlow: boolean): readonly Part[] => [
  ...KERNEL_PARTS,
  EMBEDDED_STEPS,
  ...MODEL_PARTS.map((part, i) => {
    if (isSlow) return omit(part, 'the device computes on the CPU');
    return i < QUICK_MODELS ? part : omit(part, TOO_LONG);
  }),
  ...NOT_HERE.map((name) => omit({ name, run: () => Promise.resolve(undefined) }, TOO_LONG)),
];
