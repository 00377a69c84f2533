/** Bytes of a README.md that are read: its metadata come first. */
export const MAX_README_BYTES = 2 ** 20;

/** The header of a model card on the hub: YAML between two lines of dashes. */
const HEADER = /^\uFEFF?---\r?\n([\s\S]*?)\r?\n---/;

/**
 * The licence that a model card states in its header, as the hub names it: `apache-2.0`; for `other`, the name that
 * stands beside it. Null if it states none.
 */
export function licenceOf(readme: string): string | null {
  const header = HEADER.exec(readme)?.[1] ?? '';
  const field = (name: string): string | null => {
    const value = new RegExp(`^${name}:[ \\t]*["']?([\\w .+-]+?)["']?[ \\t]*$`, 'm').exec(header)?.[1];
    return value === undefined || value === '' ? null : value;
  };
  const licence = field('license');
  return licence === 'other' ? (field('license_name') ?? licence) : licence;
}
