import type { MethodPlan } from '../gorp/part/method-plan.ts';
import { ALL } from './all.ts';
import { initialValues, MENU, type Method } from './parts/method.ts';
import type { Settings, ValuesOf } from './parts/setting.ts';

type Registered = (typeof ALL)[number];
export type MethodName = Registered['name'];
type UnionToIntersection<U> = (U extends unknown ? (one: U) => void : never) extends (all: infer I) => void ? I : never;
type AllValues = UnionToIntersection<ValuesOf<Registered['settings']>>;

/** The name of a method and the settings it has. */
export interface MethodSettings extends Partial<AllValues> {
  name: MethodName;
}

const methods = (ALL as unknown as readonly Method<MethodName>[]).toSorted(
  (a, b) => MENU.indexOf(a.menu) - MENU.indexOf(b.menu) || Number(b.leads) - Number(a.leads),
);
const names = methods.map(({ name }) => name);
const BY_NAME = new Map(methods.map((method) => [method.name, method]));

/**
 * All methods, in the order used by the page, command line, results and documents, typed by their common interface,
 * without the types of their settings. Those of plugins follow once they are added.
 */
export const METHODS: readonly Method<MethodName>[] = methods;
export const METHOD_NAMES: readonly MethodName[] = names;

/** Adds a method of a plugin; from then on it is one of {@link METHODS}. Its name must not be taken. */
export function addMethod(method: Method): void {
  // The type of names lists the methods of this project; code that handles any method needs no more than a name.
  const added = method as unknown as Method<MethodName>;
  methods.push(added);
  names.push(added.name);
  BY_NAME.set(added.name, added);
}

export function methodOf({ name }: { readonly name: MethodName }): Method<MethodName> {
  const method = BY_NAME.get(name);
  if (method === undefined) throw new Error(`there is no method ${name}`);
  return method;
}

/** A method's settings as published, or as tuned for methods of this project. A new object every time. */
export const methodPreset = (name: MethodName): MethodSettings => ({
  name,
  ...initialValues(methodOf({ name }).settings),
});

/** One sentence for the page: what a method trains, and how it prevents forgetting. */
export const methodSummary = (name: MethodName): string => methodOf({ name }).summary;

/** A method's name, with what its settings choose if that is a method of its own: `gain-lora on o-lora`. */
export const methodTitle = (settings: MethodSettings): string =>
  [settings.name, methodOf(settings).variant?.(settings as unknown as ValuesOf<Settings>)].filter(Boolean).join(' ');

/** Returns the plan of a method with these settings: the parts that the learner carries out. */
export const planOf = (settings: MethodSettings): MethodPlan =>
  methodOf(settings).plan(settings as unknown as ValuesOf<Settings>);

/** Applies changes to settings, ignoring those that the method does not have. */
export function withValues(settings: MethodSettings, changes: Partial<AllValues>): MethodSettings {
  const known = Object.entries(changes).filter(([key]) => Object.hasOwn(methodOf(settings).settings, key));
  return { ...settings, ...Object.fromEntries(known) };
}

/** Whether two settings are the same, whatever the order of their entries. */
export const sameMethod = (a: MethodSettings, b: MethodSettings): boolean =>
  a.name === b.name &&
  Object.keys(methodOf(a).settings).every((key) => a[key as keyof MethodSettings] === b[key as keyof MethodSettings]);
