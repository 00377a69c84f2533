/** A number that Python holds as a float: written with a decimal point or an exponent, `100.0`. */
export class PythonFloat {
  constructor(readonly value: number) {}
}

/** A value in a result file; a plain number is an integer. */
export type PythonValue =
  | null
  | string
  | number
  | PythonFloat
  | readonly string[]
  | { readonly [key: string]: PythonValue };

/**
 * JSON as Python's `json.dumps` writes it: `", "` and `": "` between parts, everything but ASCII escaped, and floats as
 * `repr` gives them, so that the result files match those of the released code.
 *
 * @param indent spaces per level; if given, one entry per line with sorted keys, as in `Trainer.save_metrics`.
 */
export function pythonJson(value: PythonValue, indent?: number): string {
  const write = (part: PythonValue, depth: number): string => {
    if (part === null) return 'null';
    if (typeof part === 'string') return asciiString(part);
    if (typeof part === 'number') return String(part);
    if (part instanceof PythonFloat) return pythonFloat(part.value);
    if (isList(part)) return `[${part.map(asciiString).join(', ')}]`;
    const keys = Object.keys(part);
    if (keys.length === 0) return '{}';
    const entries = (indent === undefined ? keys : keys.sort()).map(
      (key) => `${asciiString(key)}: ${write(part[key], depth + 1)}`,
    );
    if (indent === undefined) return `{${entries.join(', ')}}`;
    const line = (level: number): string => `\n${' '.repeat(indent * level)}`;
    return `{${line(depth + 1)}${entries.join(`,${line(depth + 1)}`)}${line(depth)}}`;
  };
  return write(value, 0);
}

const isList = (part: PythonValue): part is readonly string[] => Array.isArray(part);

const asciiString = (text: string): string =>
  JSON.stringify(text).replaceAll(/[\u007f-\uffff]/g, (unit) =>
    unit === '\u007f' ? unit : `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );

/** `repr` of a float: the shortest digits, as in JavaScript, but with an exponent from 1e16 on and below 1e-4. */
function pythonFloat(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? 'Infinity' : '-Infinity';
  const magnitude = Math.abs(value);
  if (magnitude !== 0 && (magnitude < 1e-4 || magnitude >= 1e16)) {
    return value.toExponential().replace(/e([+-])(\d)$/, 'e$10$2');
  }
  const text = Object.is(value, -0) ? '-0' : String(value);
  return text.includes('.') ? text : `${text}.0`;
}
