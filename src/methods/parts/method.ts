import * as v from 'valibot';
import type { MethodPlan } from '../../gorp/method-plan.ts';
import { schemaOf, type Setting, type Settings, type ValuesOf } from './setting.ts';

/** The groups of the menu, in its order. Within one, methods stand by name, after the one that leads it. */
export const MENU = [
  'GORP',
  'Parts of GORP',
  'LoRA methods',
  'Full-rank methods',
  'Methods that use old data',
  'Upper bounds',
] as const;

/** What a method needs beside the data of the task at hand: in every table of results. */
export interface Needs {
  /** Examples of earlier tasks while it learns a later one. */
  readonly oldData: boolean;
  /** The task that a test example is from. */
  readonly taskIdentity: boolean;
  /** How many tasks will come. */
  readonly taskCount: boolean;
  /** Gradients that are formed: there is no fast mode. */
  readonly exactMode: boolean;
}

/** Settings that go together. */
export interface Rule<S extends Settings> {
  readonly holds: (values: ValuesOf<S>) => boolean;
  /** The setting that the message stands beside. */
  readonly at: keyof S & string;
  readonly message: string;
}

/** A method of continual learning: all that there is to it, in one file. */
export interface Method<N extends string = string, S extends Settings = Settings> {
  readonly name: N;
  readonly menu: (typeof MENU)[number];
  /** True where it stands first in its group: others of the group are compared with it. */
  readonly leads: boolean;
  /** What is trained, and what is done about forgetting: one sentence for the page. */
  readonly summary: string;
  /** Where it is published; null for a baseline that needs no source. */
  readonly citation: string | null;
  readonly needs: Needs;
  /** The settings that it has, and no others. */
  readonly settings: S;
  readonly rules: readonly Rule<S>[];
  /** What the learner is to do. */
  readonly plan: (values: ValuesOf<S>) => MethodPlan;
  readonly schema: v.GenericSchema<unknown, { name: N } & ValuesOf<S>>;
}

type Described<N extends string, S extends Settings> = Omit<Method<N, S>, 'schema' | 'leads' | 'needs' | 'rules'> & {
  readonly leads?: true;
  readonly needs?: Partial<Needs>;
  readonly rules?: readonly Rule<S>[];
};

/** A method from its description. What it does not say that it needs, it does not need. */
export function defineMethod<const N extends string, S extends Settings>(described: Described<N, S>): Method<N, S> {
  const { name, settings, leads = false, rules = [], needs } = described;
  const entries = Object.fromEntries(Object.entries(settings).map(([key, one]) => [key, schemaOf(one)]));
  const values = v.strictObject({ name: v.literal(name), ...entries });
  const checks = rules.map(({ holds, at, message }) =>
    v.forward(
      v.check((value: Record<string, unknown>) => holds(value as ValuesOf<S>), message),
      [at] as never,
    ),
  );
  const schema = (v.pipe as (...parts: unknown[]) => unknown)(values, ...checks) as Method<N, S>['schema'];
  const none: Needs = { oldData: false, taskIdentity: false, taskCount: false, exactMode: false };
  return { ...described, leads, needs: { ...none, ...needs }, rules, schema };
}

/** The initial values of settings, in their order. */
export function initialValues<S extends Settings>(settings: S): ValuesOf<S> {
  const entries = Object.entries<Setting>(settings).map(([name, { initial }]) => [name, initial]);
  return Object.fromEntries(entries) as ValuesOf<S>;
}

/** A plan in which nothing is trained and nothing is done against forgetting: what a method says replaces parts of it. */
export const NOTHING: MethodPlan = {
  schedule: 'in-turn',
  adapters: null,
  fullRank: null,
  loss: [],
  space: null,
  rowMask: null,
  passes: { squares: 0 },
  replay: null,
  endTask: null,
};

/** What a method needs, for a cell of a table; a dash where it needs nothing. */
export function needsBriefly({ oldData, taskIdentity, taskCount, exactMode }: Needs): string {
  const needs = [
    ...(oldData ? ['old data'] : []),
    ...(taskIdentity ? ['task at test'] : []),
    ...(taskCount ? ['number of tasks'] : []),
    ...(exactMode ? ['full gradients'] : []),
  ];
  return needs.join(', ') || '–';
}

/** What a method needs, in a sentence; empty where it needs nothing. */
export function needsInWords({ oldData, taskIdentity, taskCount, exactMode }: Needs): string {
  const needs = [
    ...(oldData ? ['examples of earlier tasks'] : []),
    ...(taskIdentity ? ['the task of each test example'] : []),
    ...(taskCount ? ['the number of tasks ahead'] : []),
    ...(exactMode ? ['gradients in full'] : []),
  ];
  if (needs.length === 0) return '';
  const last = needs.pop() as string;
  return `It needs ${needs.length > 0 ? `${needs.join(', ')} and ` : ''}${last}.`;
}
