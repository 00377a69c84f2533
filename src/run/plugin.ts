import * as v from 'valibot';
import { GorpError } from '../base/errors.ts';
import { ownPart } from '../gorp/learner/open-parts.ts';
import {
  distillation,
  gates,
  importance,
  inputSpace,
  merging,
  momentSpace,
  penalties,
  plainWeights,
  projectedWeights,
  replay,
  rowMask,
  type MethodPlan,
  type PartNeeds,
} from '../gorp/part/method-plan.ts';
import { hostTensor, readHostMatrix } from '../gorp/part/state.ts';
import { add, addInto, scale, sign, unit } from '../graph/ops/elementwise.ts';
import { innerProduct } from '../graph/ops/square-measures.ts';
import { matmul } from '../graph/ops/matmul.ts';
import { matrix } from '../linear-algebra/matrix.ts';
import { ADAPTER_SETTINGS, adapters } from '../methods/parts/adapters.ts';
import { defineMethod, initialValues, inTurn, MENU, type Method } from '../methods/parts/method.ts';
import {
  choice,
  COUNT,
  COUNT_OR_ZERO,
  NOT_NEGATIVE,
  number,
  PART,
  POSITIVE,
  type Settings,
  SHARE,
} from '../methods/parts/setting.ts';
import { addMethod, METHOD_NAMES } from '../methods/registry.ts';
import { addedFormatOf, addTableFormat, TABLE_ENDINGS, type TableFormat } from '../tasks/records.ts';
import type { Probe } from './probes/own-probe.ts';

/** The version of what a plugin gives and of the tools that it gets; it counts up when one of them changes. */
export const PLUGIN_INTERFACE = 1;

/** The functions from which a plugin makes its methods (docs/plugins.md). */
export const PLUGIN_TOOLS = {
  /** As in this project's own methods; a method's settings are known to its plan, and to nobody else. */
  defineMethod: <const N extends string, S extends Settings>(
    described: Parameters<typeof defineMethod<N, S>>[0],
  ): Method => defineMethod(described) as unknown as Method,
  inTurn,
  /** Settings of a method, and the ranges of numbers. */
  settings: { ADAPTER_SETTINGS, choice, number, COUNT, COUNT_OR_ZERO, NOT_NEGATIVE, PART, POSITIVE, SHARE },
  /** The parts that methods are composed of, and a part of the plugin's own. */
  parts: {
    adapters,
    distillation,
    gates,
    importance,
    inputSpace,
    merging,
    momentSpace,
    ownPart,
    penalties,
    plainWeights,
    projectedWeights,
    replay,
    rowMask,
  },
  /** Operations of a graph, for a part of the plugin's own. */
  ops: { add, addInto, innerProduct, matmul, scale, sign, unit },
  /** Matrices of the host, and how a part saves them. */
  host: { matrix, hostTensor, readHostMatrix },
} as const;
export type PluginTools = typeof PLUGIN_TOOLS;

/** The additions of a package outside this project. */
export interface Plugin {
  readonly interface: typeof PLUGIN_INTERFACE;
  readonly name: string;
  /** Methods, each made by `tools.defineMethod`. */
  readonly methods?: readonly Method[];
  /** Formats of files of examples. */
  readonly formats?: readonly TableFormat[];
  readonly probes?: readonly Probe[];
}

/** The default export of a plugin's file. */
export type MakePlugin = (tools: PluginTools) => Plugin;

const name = v.pipe(v.string(), v.regex(/^[a-z0-9][a-z0-9-]{0,39}$/i, 'is not made of letters, digits and dashes'));
const aFunction = v.custom<(...args: never[]) => unknown>((input) => typeof input === 'function', 'is no function');
const PluginSchema = v.strictObject({
  interface: v.number(),
  name,
  methods: v.optional(
    v.array(
      v.object({
        name,
        menu: v.picklist(MENU),
        summary: v.string(),
        citation: v.nullable(v.string()),
        settings: v.record(v.string(), v.unknown()),
        plan: aFunction,
        schema: v.custom((input) => typeof input === 'object', 'is missing: make methods by tools.defineMethod'),
      }),
    ),
  ),
  formats: v.optional(
    v.array(
      v.strictObject({
        ending: v.pipe(v.string(), v.regex(/^[a-z]+$/, 'is not made of small letters')),
        read: aFunction,
      }),
    ),
  ),
  probes: v.optional(v.array(v.strictObject({ name, title: v.string(), measure: aFunction }))),
});

/** Names of the probes of all plugins that were added. */
const probes = new Set<string>();

/**
 * Adds the methods, formats and probes of a plugin, for all runs of this process. A plugin that cannot be used adds
 * nothing. Runs measure its probes where their host names them ({@link RunHost.probes}).
 *
 * @param made the default export of its file.
 * @param from how messages name the plugin.
 * @throws GorpError `plugin/unusable` if it exports nothing, throws, or gives something else than a {@link Plugin};
 * `plugin/other-version`; `plugin/name-taken`.
 */
export function addPlugin(made: unknown, from: string): Plugin {
  if (typeof made !== 'function') {
    throw unusable(from, 'has no function as its default export');
  }
  let given: unknown;
  try {
    given = (made as (tools: PluginTools) => unknown)(PLUGIN_TOOLS);
  } catch (cause) {
    throw unusable(from, `threw: ${messageOf(cause)}`, cause);
  }
  const found = v.safeParse(PluginSchema, given);
  const version = (given as { interface?: unknown } | null | undefined)?.interface;
  if (typeof version === 'number' && version !== PLUGIN_INTERFACE) {
    throw new GorpError(
      'plugin/other-version',
      `The plugin ${from} is written for version ${version} of the interface; this program has version ${PLUGIN_INTERFACE}.`,
      'Install the version of the plugin that goes with this program.',
    );
  }
  if (!found.success) {
    const [issue] = found.issues;
    throw unusable(from, `gives no plugin: ${v.getDotPath(issue) ?? 'what its function returns'} ${issue.message}`);
  }
  const plugin = given as Plugin;
  const { methods = [], formats = [] } = plugin;
  refuseTaken(
    from,
    'method',
    METHOD_NAMES,
    methods.map((one) => one.name),
  );
  const endings = formats.map(({ ending }) => ending);
  const isRead = endings.filter((ending) => addedFormatOf(`x.${ending}`) !== undefined);
  refuseTaken(from, 'format of files', [...TABLE_ENDINGS, 'gz', ...isRead], endings);
  const named = (plugin.probes ?? []).map((one) => one.name);
  refuseTaken(from, 'probe', [...probes], named);
  for (const method of methods) checkPlan(from, method);
  methods.forEach(addMethod);
  formats.forEach(addTableFormat);
  named.forEach((one) => probes.add(one));
  return plugin;
}

/** @throws GorpError `plugin/unusable`. */
function checkPlan(from: string, { name: method, plan, settings }: Method): void {
  let made: MethodPlan;
  try {
    made = plan(initialValues(settings));
  } catch (cause) {
    throw unusable(from, `has a method, ${method}, whose plan threw: ${messageOf(cause)}`, cause);
  }
  for (const [at, part] of made.parts.entries()) {
    if (part.part !== 'own') continue;
    if (typeof (part.needs as PartNeeds | undefined)?.handsOn !== 'string' || typeof part.open !== 'function') {
      throw unusable(from, `has a method, ${method}, with a part that is not ownPart(handsOn, open)`);
    }
    // It would get no groups, and train nothing without a word.
    if (made.parts.slice(at).some((later) => later.part === 'adapters' || later.part === 'full-rank')) {
      throw unusable(from, `has a method, ${method}, whose own part stands before what it acts on`);
    }
  }
}

/** @throws GorpError `plugin/name-taken`. */
function refuseTaken(from: string, what: string, known: readonly string[], names: readonly string[]): void {
  const taken = names.find((one, i) => known.includes(one) || names.indexOf(one) !== i);
  if (taken === undefined) return;
  throw new GorpError(
    'plugin/name-taken',
    `The plugin ${from} adds a ${what} named ${taken}, which there is already.`,
    'Give it another name in the plugin, or leave out the plugin that has it too.',
  );
}

const messageOf = (thrown: unknown): string => (thrown instanceof Error ? thrown.message : String(thrown));

const unusable = (from: string, what: string, cause?: unknown): GorpError =>
  new GorpError(
    'plugin/unusable',
    `The plugin ${from} ${what}.`,
    'Mend it as docs/plugins.md shows, or leave it out.',
    {
      cause,
    },
  );
