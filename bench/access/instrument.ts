import { storageBuffers, type StorageBuffer, withoutComments, withoutStorage, workgroupSize } from './wgsl.ts';

/** A place in a kernel's text that reads or writes a storage buffer. */
export interface Site {
  readonly buffer: StorageBuffer;
  /** `update` reads and writes, as `x[i] += 1` does. */
  readonly access: 'read' | 'write' | 'update';
  /** What stands between the brackets. */
  readonly index: string;
}

/** A kernel that records what it reads and writes, and computes nothing else. */
export interface InstrumentedKernel {
  /** With entry point `main`; the uniform of the kernel at binding 0, then {@link pools} and {@link TRACE_BINDING}. */
  readonly wgsl: string;
  readonly sites: readonly Site[];
  /** Threads of a workgroup. */
  readonly threads: number;
  /** Bindings of the buffers that are read in place of all tensors of a type; of any size. */
  readonly pools: readonly { readonly binding: number; readonly type: string }[];
  /** Words of the trace of one workgroup. */
  readonly traceWords: number;
}

/** Where the trace is bound. */
export const TRACE_BINDING = 1;
const FIRST_POOL = 2;

/** Executions of a site by a thread that are recorded; later ones are only counted. */
export const RECORDED = 32;
/**
 * Words of a site and thread: how often it was executed, a zero, then index and time of each recorded execution. Later
 * executions are written to one more place.
 */
export const SLOT_WORDS = 2 * (1 + RECORDED + 1);

/**
 * Makes a kernel record, by site and thread of a workgroup, the indices at which it reads and writes storage buffers.
 * Time counts the accesses of a thread.
 *
 * Nothing is written but the record, so that the compiler drops all arithmetic on which neither an index nor a branch
 * depends: compilers of software adapters would take minutes. Tensors of a type become one buffer, which may be smaller
 * than they are: an index beyond its end wraps around after it has been recorded. Writes are lost, so a kernel that reads
 * what it has written reads what the buffer held before.
 *
 * @param wgsl with `shaders/grid.wgsl`; it accesses storage as `name[index]` only, and writes it in statements of their
 *   own.
 */
export function instrument(wgsl: string): InstrumentedKernel {
  const text = withoutComments(wgsl);
  const buffers = storageBuffers(text);
  const threads = workgroupSize(text);
  const sites: Site[] = [];
  const body = rewrite(withoutStorage(text), new Map(buffers.map((buffer) => [buffer.name, buffer])), sites);
  const types = new Set(sites.filter(({ access }) => access === 'read').map(({ buffer }) => buffer.type));
  const pools = [...types].map((type, i) => ({ type, binding: FIRST_POOL + i }));
  const [directives, code] = splitDirectives(body);
  const declared = pools.map(
    ({ binding, type }) => `@group(0) @binding(${binding}) var<storage, read> ${poolOf(type)}: array<${type}>;`,
  );
  return {
    wgsl: [directives, ...declared, recorder(sites.length), withCounts(code, sites.length)].join('\n'),
    ...{ sites, threads, pools, traceWords: threads * sites.length * SLOT_WORDS },
  };
}

const poolOf = (type: string): string => `access_${type}`;

/** The functions that record. They have no branch, and counts stay in registers, since they are inlined many times. */
const recorder = (sites: number): string => `
@group(0) @binding(${TRACE_BINDING}) var<storage, read_write> access_trace: array<vec2u>;
var<private> access_counts: array<u32, ${sites}>;
var<private> access_time: u32;
var<private> access_thread: u32;
fn access_slot(site: u32) -> u32 { return (access_thread * ${sites}u + site) * ${SLOT_WORDS / 2}u; }
fn access_note(site: u32, index: u32) {
  let executed = access_counts[site];
  access_trace[access_slot(site) + 1u + min(executed, ${RECORDED}u)] = vec2u(index, access_time);
  access_counts[site] = executed + 1u;
  access_time++;
}
fn access_at(site: u32, index: u32, length: u32) -> u32 {
  access_note(site, index);
  return index % length;
}`;

/** Directives have to come first in a module. */
function splitDirectives(wgsl: string): [directives: string, code: string] {
  const directives = /^(\s*(enable|requires|diagnostic)\b[^;]*;)*/.exec(wgsl)?.[0] ?? '';
  return [directives, wgsl.slice(directives.length)];
}

/**
 * Replaces `name[index]` by an element of its type's pool, recording the index, also within another index; and
 * `name[index] = value` by recording the index and evaluating the value.
 */
function rewrite(wgsl: string, buffers: ReadonlyMap<string, StorageBuffer>, sites: Site[]): string {
  const candidate = /\b([A-Za-z_]\w*)\s*\[/g;
  const within = (part: string): string => rewrite(part, buffers, sites);
  let out = '';
  let done = 0;
  for (let found = candidate.exec(wgsl); found; found = candidate.exec(wgsl)) {
    const buffer = buffers.get(found[1]);
    // A member of the same name, as in `p.x[0]`, is another thing.
    if (buffer === undefined || wgsl[found.index - 1] === '.') continue;
    const end = closing(wgsl, candidate.lastIndex);
    const index = wgsl.slice(candidate.lastIndex, end);
    const { access, length } = accessAfter(wgsl.slice(end + 1));
    const site = sites.push({ buffer, access, index: index.trim() }) - 1;
    out += wgsl.slice(done, found.index);
    done = end + 1 + length;
    if (access === 'read') {
      const pool = poolOf(buffer.type);
      out += `${pool}[access_at(${site}u, u32(${within(index)}), arrayLength(&${pool}))]`;
    } else {
      out += `access_note(${site}u, u32(${within(index)})); _ = `;
    }
    candidate.lastIndex = done;
  }
  return out + wgsl.slice(done);
}

/** The place of the bracket that closes one opened before `begin`. */
function closing(wgsl: string, begin: number): number {
  for (let at = begin, depth = 1; at < wgsl.length; at++) {
    if (wgsl[at] === '[') depth++;
    if (wgsl[at] === ']' && --depth === 0) return at;
  }
  throw new Error('a bracket does not close');
}

/** What happens to an element, by the text after it, and the length of what assigns to it. */
function accessAfter(rest: string): { access: Site['access']; length: number } {
  const assignment = /^(?:\.\w+|\[[^\]]*\])*\s*(=(?!=)|(?:[-+*/%&|^]|<<|>>)=)/.exec(rest);
  if (assignment === null) return { access: 'read', length: 0 };
  return { access: assignment[1] === '=' ? 'write' : 'update', length: assignment[0].length };
}

/** Calls what was `main` from a new one, which tells each thread its number and writes its counts in the end. */
function withCounts(wgsl: string, sites: number): string {
  const main = /(@compute\s*@workgroup_size\([^)]*\))\s*fn\s+main\s*\(([^{]*)\)\s*\{/.exec(wgsl);
  if (main === null) throw new Error('the kernel has no entry point main');
  const [head, attributes, parameters] = main;
  const plain = parameters.replace(/@builtin\(\w+\)/g, '');
  const names = [...plain.matchAll(/(\w+)\s*:/g)].map(([, name]) => name);
  const known = /@builtin\(local_invocation_index\)\s*(\w+)\s*:/.exec(parameters)?.[1];
  const given = known === undefined ? '@builtin(local_invocation_index) access_index: u32, ' : '';
  const counts = Array.from({ length: sites }, (_, site) => {
    return `  access_trace[access_slot(${site}u)] = vec2u(access_counts[${site}], 0u);`;
  });
  return [
    wgsl.replace(head, `fn access_main(${plain}) {`),
    `${attributes}\nfn main(${given}${parameters}) {`,
    `  access_thread = ${known ?? 'access_index'};`,
    `  access_main(${names.join(', ')});`,
    ...counts,
    '}',
  ].join('\n');
}
