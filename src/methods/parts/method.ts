import * as v from 'valibot';
import { type MethodPlan, needsOf, type PartPlan } from '../../gorp/part/method-plan.ts';
import { schemaOf, type Setting, type Settings, type ValuesOf } from './setting.ts';

/** Sources shared by several methods. */
export const GORP_PAPER =
  'Wang, Lyu, Sun, Jing: Continual Gradient Low-Rank Projection Fine-Tuning for LLMs. ACL 2025, arXiv 2507.02503.';
export const LORA_PAPER = 'Hu, Shen, Wallis, Allen-Zhu, Li, Wang, Wang, Chen: LoRA. ICLR 2022, arXiv 2106.09685.';
export const REPLAY_PAPER =
  'Rolnick, Ahuja, Schwarz, Lillicrap, Wayne: Experience Replay for Continual Learning. NeurIPS 2019, arXiv 1811.11682.';

/** The groups of the menu, in order. Within a group, the leading method comes first, the others by name. */
export const MENU = [
  'GORP',
  'Parts of GORP',
  'LoRA methods',
  'Full-rank methods',
  'Methods that use old data',
  'Upper bounds',
] as const;

/** A condition that several settings must meet together. */
export interface Rule<S extends Settings> {
  readonly holds: (values: ValuesOf<S>) => boolean;
  /** The setting to show the message at. */
  readonly at: keyof S & string;
  readonly message: string;
}

/** A method of continual learning, defined in one file. */
export interface Method<N extends string = string, S extends Settings = Settings> {
  readonly name: N;
  readonly menu: (typeof MENU)[number];
  /** Whether it comes first in its group, as the baseline of the others. */
  readonly leads: boolean;
  /** One sentence for the page: what is trained, and how forgetting is prevented. */
  readonly summary: string;
  /** Its publication; null for a baseline without one. */
  readonly citation: string | null;
  /** Exactly the settings of this method. */
  readonly settings: S;
  readonly rules: readonly Rule<S>[];
  /** Returns a further part of the name, if settings choose between several methods; undefined if there is none. */
  readonly variant?: ((values: ValuesOf<S>) => string) | undefined;
  /** Returns the plan of the method: the parts that the learner carries out. */
  readonly plan: (values: ValuesOf<S>) => MethodPlan;
  readonly schema: v.GenericSchema<unknown, { name: N } & ValuesOf<S>>;
}

type Described<N extends string, S extends Settings> = Omit<Method<N, S>, 'schema' | 'leads' | 'rules'> & {
  readonly leads?: true;
  readonly rules?: readonly Rule<S>[];
};

/** Creates a method from its description. */
export function defineMethod<const N extends string, S extends Settings>(described: Described<N, S>): Method<N, S> {
  const { name, settings, leads = false, rules = [] } = described;
  const entries = Object.fromEntries(Object.entries(settings).map(([key, one]) => [key, schemaOf(one)]));
  const values = v.strictObject({ name: v.literal(name), ...entries });
  const checks = rules.map(({ holds, at, message }) =>
    v.forward(
      v.check((value: Record<string, unknown>) => holds(value as ValuesOf<S>), message),
      [at] as never,
    ),
  );
  const schema = (v.pipe as (...parts: unknown[]) => unknown)(values, ...checks) as Method<N, S>['schema'];
  return { ...described, leads, rules, schema };
}

/** The initial values of settings, in their order. */
export function initialValues<S extends Settings>(settings: S): ValuesOf<S> {
  const entries = Object.entries<Setting>(settings).map(([name, { initial }]) => [name, initial]);
  return Object.fromEntries(entries) as ValuesOf<S>;
}

/**
 * A method that learns tasks one after another, composed of parts. A space of inputs stands before what avoids it, and
 * what acts on adapters after them.
 */
export const inTurn = (...parts: readonly PartPlan[]): MethodPlan => ({ schedule: 'in-turn', parts });

/** Names the needs of a method besides the data of the current task: in a table, and in a sentence. */
function needsOfPlan(plan: MethodPlan): { readonly brief: string; readonly inWords: string }[] {
  const { replayShare, ownAnswers, taskCount } = needsOf(plan);
  const replays = replayShare !== undefined;
  return [
    ...(plan.schedule === 'mixed' || (replays && ownAnswers === undefined)
      ? [{ brief: 'old data', inWords: 'examples of earlier tasks' }]
      : []),
    ...(ownAnswers === 'self' ? [{ brief: 'old prompts', inWords: 'prompts of earlier tasks' }] : []),
    ...(plan.schedule === 'apart' ? [{ brief: 'task at test', inWords: 'the task of each test example' }] : []),
    ...(plan.schedule === 'mixed' || taskCount
      ? [
          {
            brief: 'number of tasks',
            inWords: 'the number of tasks ahead, and a model that has learned them cannot be taught more',
          },
        ]
      : []),
  ];
}

/** Names the needs of a method for a table cell; a dash if it has none. Every table of results shows it. */
export const needsBriefly = (plan: MethodPlan): string =>
  needsOfPlan(plan)
    .map(({ brief }) => brief)
    .join(', ') || '–';

/** Names the needs of a method in a sentence; empty if it has none. */
export function needsInWords(plan: MethodPlan): string {
  const needs = needsOfPlan(plan).map(({ inWords }) => inWords);
  if (needs.length === 0) return '';
  const last = needs.pop() as string;
  return `It needs ${needs.length > 0 ? `${needs.join(', ')} and ` : ''}${last}.`;
}
