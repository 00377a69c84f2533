import { mcnemarP } from '../../src/base/proportions.ts';
import { mean } from '../../src/base/statistics.ts';
import { needsBriefly } from '../../src/methods/parts/method.ts';
import { methodPreset, planOf, withValues } from '../../src/methods/registry.ts';
import { answersOfBoth } from '../../src/run/results/answers.ts';
import { countsByOwnScores } from '../../src/tasks/forms.ts';
import { bestOf, type MadeRun } from './made-runs.ts';
import { type FreeMeasure, freeMeasures, justLearnedOf, type Measured, measuredOf } from './measures.ts';
import {
  type Contrast,
  type MeasureName,
  MEASURES,
  pOf,
  type ReportedClaim,
  type ReportedMethod,
  type ReportedPart,
  type StudyReport,
} from '../../src/run/results/study-report.ts';
import { labelOf, ordersOf, type StudyEntry, type StudyPart, type StudyPlan, type TriedValues } from './plan.ts';
import {
  comparePaired,
  type Difference,
  holm,
  type Interval,
  slope,
  studentInterval,
} from '../../src/run/results/paired-runs.ts';

/** A run as the tables see it. */
export interface RunFacts extends Measured {
  readonly label: string;
  readonly order: number;
  readonly seed: number;
  readonly tried: TriedValues;
  readonly seconds: number;
  readonly stateBytes: number;
  readonly trained: number;
  /**
   * Accuracy just learned minus that of `per-task` with the same order and seed, by position in the order; percent. Null
   * without such a run, and where a grid tries several settings of `per-task`: none of them is its accuracy yet.
   */
  readonly gaps: readonly number[] | null;
  /** Only if some tasks have free answers or are watched, or general text is measured. */
  readonly free?: readonly FreeMeasure[];
}

/** A method of a part, with its runs for the plots. */
export interface MethodSummary extends ReportedMethod {
  readonly measures: Readonly<Record<MeasureName, Interval | null>>;
  readonly runs: readonly RunFacts[];
}

export interface PartSummary extends ReportedPart {
  readonly methods: readonly MethodSummary[];
}

export interface StudySummary extends StudyReport {
  readonly parts: readonly PartSummary[];
}

type Claim = NonNullable<StudyPlan['claim']>;

/** Everything that tables and plots show of a study. @param made every planned run. */
export function summarise(plan: StudyPlan, made: readonly MadeRun[]): StudySummary {
  const { claim } = plan;
  const within = plan.parts.map((part) => summaryOfPart(plan, part, made));
  const claimed = plan.parts.findIndex(({ name }) => name === claim?.part);
  const parts = within.map((part, at): PartSummary => {
    if (claim === undefined || at === claimed) return { ...part, acrossParts: [] };
    const shared = sharedRuns(runsOfEntry(claim, within[claimed].methods), plan.parts[claimed], plan.parts[at]);
    return { ...part, acrossParts: contrastsWith(shared, claim, part.methods) };
  });
  const untuned = plan.parts.flatMap((part) =>
    part.entries
      .filter((entry) => !made.some(({ run }) => run.part === part.name && run.label === labelOf(entry)))
      .map((entry) => ({ part: part.name, label: labelOf(entry) })),
  );
  return {
    title: plan.title,
    ...(claim && { claim: summaryOfClaim(claim, within[claimed]) }),
    parts,
    planned: made.length,
    made: made.filter(({ outcome }) => outcome !== null).length,
    untuned,
  };
}

function summaryOfClaim(
  claim: Claim,
  { contrasts: all, ownScores }: Pick<PartSummary, 'contrasts' | 'ownScores'>,
): ReportedClaim {
  const contrasts = all.filter(({ rival }) => claim.rivals.includes(rival));
  const corrected = holm(contrasts.map(pOf));
  return {
    ...claim,
    ...(ownScores && { ownScores }),
    contrasts: contrasts.map((one, i) => ({ ...one, holmP: corrected[i] })),
    lacking: claim.rivals.filter((label) => !contrasts.some(({ rival }) => rival === label)),
  };
}

function summaryOfPart(plan: StudyPlan, part: StudyPart, all: readonly MadeRun[]): Omit<PartSummary, 'acrossParts'> {
  const made = all.filter(({ run }) => run.part === part.name);
  const facts = factsOf(made);
  const methods = part.entries.flatMap((entry): MethodSummary[] => {
    const label = labelOf(entry);
    const own = made.filter(({ run }) => run.label === label);
    const forms = [...new Map(own.map(({ run }) => [JSON.stringify(run.tried), run.tried])).values()];
    return forms.map((tried) => {
      const same = (one: { tried: TriedValues }): boolean => JSON.stringify(one.tried) === JSON.stringify(tried);
      const runs = facts.filter((one) => one.label === label && same(one));
      return {
        label,
        method: entry.method,
        tried,
        ...figuresOf(
          own.filter(({ run }) => same(run)),
          runs,
        ),
        ...needsOf(entry),
      };
    });
  });
  const { claim } = plan;
  const others = methods.filter(({ label }) => label !== claim?.entry);
  const contrasts =
    claim === undefined ? allContrasts(methods, made) : contrastsWith(runsOfEntry(claim, methods), claim, others, made);
  const choices = part.entries.flatMap((entry) => {
    const label = labelOf(entry);
    const choice = entry.grid ? bestOf(made.filter(({ run }) => run.label === label)) : null;
    return choice ? [{ label, ...choice }] : [];
  });
  const isOwn = made.some(({ outcome }) => outcome && 'results' in outcome && countsByOwnScores(outcome.results.tasks));
  return {
    name: part.name,
    about: part.about,
    ...(isOwn && { ownScores: true }),
    methods,
    choices,
    bound: boundOf(methods),
    contrasts,
  };
}

/** The runs of the claim's entry among the methods of a part. */
const runsOfEntry = ({ entry }: Claim, methods: readonly MethodSummary[]): readonly RunFacts[] =>
  methods.find(({ label, tried }) => label === entry && isPlain(tried))?.runs ?? [];

/** Those of a part's runs whose order another part has, numbered as there. None if the two train or test differently. */
function sharedRuns(runs: readonly RunFacts[], from: StudyPart, to: StudyPart): RunFacts[] {
  if (JSON.stringify(from.training) !== JSON.stringify(to.training)) return [];
  const [there, here] = [from, to].map((part) => ordersOf(part).map((tasks) => tasks.join(' ')));
  return runs.flatMap((run) => {
    const order = here.indexOf(there[run.order]);
    return order === -1 ? [] : [{ ...run, order }];
  });
}

/**
 * Runs of the claim's entry against every method that has one setting and runs on the same orders and seeds.
 *
 * @param made the runs of the part, if both are of one.
 */
function contrastsWith(
  entryRuns: readonly RunFacts[],
  { entry }: Pick<Claim, 'entry'>,
  methods: readonly MethodSummary[],
  made: readonly MadeRun[] = [],
): Contrast[] {
  return methods.flatMap(({ label, tried, runs }): Contrast[] => {
    const differences = isPlain(tried) ? pairedAp(entryRuns, runs) : [];
    if (differences.length === 0) return [];
    const [{ seed, order }] = differences;
    const pair = [entry, label].flatMap((name) =>
      made.flatMap(({ run, outcome }) => {
        const isOne = run.label === name && run.seed === seed && run.order === order && isPlain(run.tried);
        return isOne && outcome && 'results' in outcome ? [outcome.results] : [];
      }),
    );
    const answers = differences.length === 1 && pair.length === 2 ? answersOfBoth(pair[0], pair[1]) : null;
    return [{ entry, rival: label, ap: comparePaired(differences), ...(answers && { answersP: mcnemarP(answers) }) }];
  });
}

/** Every method with one setting against each one after it, corrected by Holm over all of them. */
function allContrasts(methods: readonly MethodSummary[], made: readonly MadeRun[]): Contrast[] {
  const plain = methods.filter(({ tried }) => isPlain(tried));
  const all = plain.flatMap(({ label, runs }, i) => contrastsWith(runs, { entry: label }, plain.slice(i + 1), made));
  const corrected = holm(all.map(pOf));
  return all.map((one, i) => ({ ...one, holmP: corrected[i] }));
}

function boundOf(methods: readonly MethodSummary[]): PartSummary['bound'] {
  const plain = (name: StudyEntry['method']): MethodSummary | undefined =>
    methods.find(({ method, tried }) => method === name && isPlain(tried));
  const mtl = plain('mtl')?.measures.ap?.mean;
  const perTask = plain('per-task')?.measures.justLearned?.mean;
  return mtl === undefined || perTask === undefined ? null : { mtl, perTask, trained: mtl >= perTask - 1 };
}

/** Whether a method has one setting, rather than a grid to try. */
export const isPlain = (tried: TriedValues): boolean => Object.keys(tried).length === 0;

const needsOf = ({ method, settings }: StudyEntry): { needs: string } => ({
  needs: needsBriefly(planOf(withValues(methodPreset(method), settings))),
});

/** The averages of a method. Means over seeds are taken of means over orders. */
function figuresOf(
  made: readonly MadeRun[],
  runs: readonly RunFacts[],
): Omit<MethodSummary, 'label' | 'method' | 'tried' | 'needs'> {
  const known = (pick: (run: RunFacts) => number | null): Interval | null => {
    const bySeed = [...new Set(runs.map(({ seed }) => seed))].flatMap((seed) => {
      const values = runs.filter((run) => run.seed === seed).flatMap((run) => pick(run) ?? []);
      return values.length > 0 ? [mean(values)] : [];
    });
    return bySeed.length > 0 ? studentInterval(bySeed) : null;
  };
  const names = Object.keys(MEASURES) as MeasureName[];
  const places = runs.find(({ gaps }) => gaps !== null)?.gaps?.map((_, at) => at) ?? [];
  const gaps = places.flatMap((at) => known(({ gaps: own }) => own?.[at] ?? null) ?? []);
  const columns = (runs.find(({ free }) => free !== undefined)?.free ?? []).map(({ name, isLoss }) => ({
    name,
    isLoss,
    interval: known(({ free = [] }) => free.find((one) => one.name === name)?.value ?? null),
  }));
  const average = (pick: (run: RunFacts) => number): number | null => (runs.length > 0 ? mean(runs.map(pick)) : null);
  return {
    planned: made.length,
    made: made.filter(({ outcome }) => outcome !== null).length,
    failed: made.flatMap(({ outcome }) => (outcome && 'error' in outcome ? [outcome.error.code] : [])),
    measures: Object.fromEntries(names.map((name) => [name, known((run) => run[name])])) as MethodSummary['measures'],
    seconds: average(({ seconds }) => seconds),
    stateBytes: average(({ stateBytes }) => stateBytes),
    trained: average(({ trained }) => trained),
    gaps: gaps.length > 0 ? gaps : null,
    ...(columns.length > 0 && { free: columns }),
    gapSlope: known(({ gaps: own }) => (own && own.length > 1 ? slope(own) : null)),
    runs,
  };
}

function factsOf(made: readonly MadeRun[]): RunFacts[] {
  const ended = made.flatMap(({ run, outcome }) =>
    outcome && 'results' in outcome ? [{ run, results: outcome.results }] : [],
  );
  const ceilings = new Map(
    ended
      .filter(({ run, results }) => results.settings.method.name === 'per-task' && isPlain(run.tried))
      .map(({ run, results }) => [`${run.order} ${run.seed}`, justLearnedOf(results)]),
  );
  return ended.map(({ run, results }) => {
    const { label, order, seed, tried } = run;
    const ceiling = ceilings.get(`${order} ${seed}`);
    const own = justLearnedOf(results);
    const free = freeMeasures(results);
    const gaps = ceiling?.flatMap((top, at) => (top === null || own[at] === null ? [] : [own[at] - top]));
    return {
      label,
      order,
      seed,
      tried,
      ...measuredOf(results),
      intransigence: gaps?.length === own.length ? -mean(gaps) : null,
      gaps: gaps?.length === own.length ? gaps : null,
      seconds: results.seconds,
      stateBytes: results.stateBytes?.at(-1)?.bytes ?? 0,
      trained: results.model.trainable,
      ...(free.length > 0 && { free }),
    };
  });
}

/** Differences of AP between runs of the same seed and order: the same initial weights, batches and tests. */
function pairedAp(entry: readonly RunFacts[], rival: readonly RunFacts[]): Difference[] {
  return entry.flatMap(({ seed, order, ap }) => {
    const other = rival.find((one) => one.seed === seed && one.order === order);
    return ap === null || other?.ap === undefined || other.ap === null ? [] : [{ seed, order, value: ap - other.ap }];
  });
}
