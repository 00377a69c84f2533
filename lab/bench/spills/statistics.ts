/** The numbers that RADV reports about a compiled kernel. */
export interface Statistics {
  /** Vector registers of a lane. */
  readonly registers: number;
  readonly spilled: number;
  /** Waves that a SIMD holds at once. */
  readonly waves: number;
  /** Bytes of memory for arrays and what spilled. */
  readonly scratch: number;
}

const MARK = '@@ kernel ';

/** The line before a kernel that is compiled. */
export const markOf = (kernel: string): string => `\n${MARK}${kernel}\n`;

/**
 * Reads the output of a process that compiled kernels, each after its mark.
 *
 * @returns the worst of the kernels of one name: a name may stand for several texts.
 * @throws Error when a kernel has no statistics, since then something else compiled it.
 */
export function readStatistics(output: string): Map<string, Statistics> {
  const all = new Map<string, Statistics>();
  for (const part of output.split(`\n${MARK}`).slice(1)) {
    const name = part.slice(0, part.indexOf('\n'));
    const number = (label: string): number => {
      const value = new RegExp(`^${label}: (\\d+)$`, 'm').exec(part)?.[1];
      if (value === undefined) throw new Error(`RADV reports no "${label}" of ${name}:\n${part.slice(0, 1000)}`);
      return Number(value);
    };
    const one = {
      registers: number('VGPRs'),
      spilled: number('Spilled VGPRs'),
      waves: number('Subgroups per SIMD'),
      scratch: number('Scratch size'),
    };
    const before = all.get(name) ?? one;
    all.set(name, {
      registers: Math.max(before.registers, one.registers),
      spilled: Math.max(before.spilled, one.spilled),
      waves: Math.min(before.waves, one.waves),
      scratch: Math.max(before.scratch, one.scratch),
    });
  }
  return all;
}
