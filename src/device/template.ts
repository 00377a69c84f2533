/**
 * Fills in a shader template, the text of a file in `shaders/`:
 *
 * - `{{name}}` or `{{i * 4 + q}}`: a value, or sums and products of integers;
 * - `#if NAME`, `#if !NAME`, `#else`, `#endif`: lines emitted if the value is truthy (nesting allowed);
 * - `#for i in COUNT`, `#endfor`: lines repeated with `i` = 0 … COUNT − 1, unrolled because shader compilers of software
 *   adapters do not unroll by themselves, and registers cannot be indexed by a loop variable. If COUNT is a text, an
 *   expression of WGSL, they become a loop over the variable `i` up to it.
 *
 * Directives stand alone on their line. An unknown name is an error: a typo must not become WGSL.
 */
export type TemplateValue = number | string | boolean;

export function fillTemplate(template: string, values: Readonly<Record<string, TemplateValue>>): string {
  const key = JSON.stringify(values);
  const known = filledTexts.get(template) ?? new Map<string, string>();
  filledTexts.set(template, known);
  const text = known.get(key) ?? fill(template, values);
  known.set(key, text);
  return text;
}

// The hundreds of operations of a program share few kernels.
const filledTexts = new Map<string, Map<string, string>>();

function fill(template: string, values: Readonly<Record<string, TemplateValue>>): string {
  const lines = template.split('\n');
  const out: string[] = [];
  const end = emit(lines, 0, values, true, out);
  if (end !== lines.length) throw new Error(`template: unmatched ${lines[end]?.trim()} in line ${end + 1}`);
  return out.join('\n');
}

/** Emits lines from `at` until the directive that closes this block; returns the index of that directive. */
function emit(
  lines: readonly string[],
  at: number,
  values: Readonly<Record<string, TemplateValue>>,
  active: boolean,
  out: string[],
): number {
  for (let i = at; i < lines.length; i++) {
    const line = lines[i];
    const [directive, ...words] = line.trim().split(/\s+/);
    if (directive === '#endif' || directive === '#endfor' || directive === '#else') return i;
    if (directive === '#if') {
      const name = words[0];
      const negated = name.startsWith('!');
      const taken = active && Boolean(valueOf(negated ? name.slice(1) : name, values)) !== negated;
      i = emit(lines, i + 1, values, taken, out);
      if (lines[i]?.trim() === '#else') i = emit(lines, i + 1, values, active && !taken, out);
      expectDirective(lines, i, '#endif');
    } else if (directive === '#for') {
      const [name, , countText] = words;
      const count = active ? evaluate(countText, values) : 0;
      const start = i + 1;
      i = emit(lines, start, values, false, []); // find the end even if the body repeats zero times
      const repeated = (k: TemplateValue): number => emit(lines, start, { ...values, [name]: k }, true, out);
      if (typeof count === 'string') {
        out.push(`for (var ${name} = 0u; ${name} < ${count}; ${name}++) {`);
        repeated(name);
        out.push('}');
      } else for (let k = 0; k < Number(count); k++) repeated(k);
      expectDirective(lines, i, '#endfor');
    } else if (active) {
      out.push(line.replace(/\{\{(.+?)\}\}/g, (_, expression: string) => String(evaluate(expression, values))));
    }
  }
  return lines.length;
}

function expectDirective(lines: readonly string[], i: number, directive: string): void {
  if (lines[i]?.trim() !== directive) throw new Error(`template: ${directive} is missing`);
}

function valueOf(name: string, values: Readonly<Record<string, TemplateValue>>): TemplateValue {
  if (!Object.hasOwn(values, name)) throw new Error(`template: unknown name ${name}`);
  return values[name];
}

/** A name, or sums of products of integers and names. */
function evaluate(expression: string, values: Readonly<Record<string, TemplateValue>>): TemplateValue {
  const atom = (text: string): TemplateValue => (/^\d+$/.test(text) ? Number(text) : valueOf(text, values));
  const terms = expression.split('+').map((term) => {
    const factors = term.split('*').map((factor) => atom(factor.trim()));
    return factors.length === 1 ? factors[0] : factors.reduce<number>((product, factor) => product * Number(factor), 1);
  });
  return terms.length === 1 ? terms[0] : terms.reduce<number>((sum, term) => sum + Number(term), 0);
}
