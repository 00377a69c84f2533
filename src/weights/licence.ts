/** Bytes of a README.md that are read: its metadata come first. */
export const MAX_README_BYTES = 2 ** 20;

/** The header of a model card on the hub: YAML between two lines of dashes. */
const HEADER = /^\uFEFF?---\r?\n([\s\S]*?)\r?\n---/;

/**
 * The licence that a model card states in its header, as the hub names it: `apache-2.0`; for `other`, the name that
 * stands beside it. Null if it states none.
 */
export function licenceOf(readme: string): string | null {
  const lines = (HEADER.exec(readme)?.[1] ?? '').split(/\r?\n/);
  const field = (name: string): string | null => {
    const values = lines.flatMap((line) =>
      line.startsWith(`${name}:`) ? [unquoted(line.slice(name.length + 1).trim())] : [],
    );
    return values.find((value) => PLAIN.test(value)) ?? null;
  };
  const licence = field('license');
  return licence === 'other' ? (field('license_name') ?? licence) : licence;
}

/** A value that YAML writes in one line, without what has a meaning of its own, such as a list. */
const PLAIN = /^[\w .+-]+$/;

const unquoted = (value: string): string => value.replace(/^["']/, '').replace(/["']$/, '');
