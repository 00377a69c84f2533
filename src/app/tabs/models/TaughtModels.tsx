import { useId, useState } from 'react';
import { ancestorsOf, type ModelSummary, taughtName } from '../../../run/files/model-line.ts';
import { modelText } from '../../../weights/model-reference.ts';
import type { TaughtModel } from '../../../worker/protocol.ts';
import { Lessons, useTeaching, useTaughtList } from '../../shared/Lessons.tsx';
import { usePage, usePageState } from '../../state/page-context.tsx';
import { canRemoveModels, isActive } from '../../state/run-state.ts';
import { readItem, writeItem } from '../../state/stored-items.ts';
import { isAtWork } from '../../state/taught-models.ts';
import { ErrorText, Section } from '../../ui/blocks.tsx';
import { Act, AskTwice } from '../../ui/controls.tsx';
import { bytes, moment, percent } from '../../ui/format.ts';
import styles from './models.module.css';

/** GiB that a person can let taught models take. */
const BUDGETS = [1, 2, 5, 10, 20, 50] as const;
const USUAL = 5;
const KEY = 'gorp-web-model-budget';
const GIB = 2 ** 30;

/** The budget that the person chose, in GiB. */
const readBudget = (): number => BUDGETS.find((one) => String(one) === readItem(KEY)) ?? USUAL;

/** The models that have to go, the oldest first, for the others to fit into the budget; never the one in use. */
export function overBudget(
  models: readonly Pick<TaughtModel, 'key' | 'bytes' | 'savedAt'>[],
  gib: number,
  used: string | null,
): string[] {
  let left = models.reduce((sum, { bytes }) => sum + bytes, 0) - gib * GIB;
  return models
    .toSorted((a, b) => a.savedAt - b.savedAt)
    .flatMap(({ key, bytes }) => {
      if (left <= 0 || key === used) return [];
      left -= bytes;
      return [key];
    });
}

/** A model in its place in a tree: below the one that it was taught from. */
interface Placed {
  readonly taught: TaughtModel;
  readonly depth: number;
}

type Read = TaughtModel & { readonly model: ModelSummary };

/** The models as trees, each below the one it descends from; the newest tree first, and what cannot be read last. */
export function inTrees(models: readonly TaughtModel[]): Placed[] {
  const read = models.filter((one): one is Read => one.model !== null);
  const flat = read.map(({ key, model }) => ({ key, lessons: model.lessons }));
  const parents = new Map(flat.map((one) => [one.key, ancestorsOf(one, flat).at(-1)?.key ?? null]));
  const below = (parent: string | null, depth: number): Placed[] =>
    read
      .filter(({ key }) => parents.get(key) === parent)
      .flatMap((taught) => [{ taught, depth }, ...below(taught.key, depth + 1)]);
  return [...below(null, 0), ...models.filter(({ model }) => model === null).map((taught) => ({ taught, depth: 0 }))];
}

/** The models that were taught in this browser, to teach one more, go back to one, or remove some. */
export function TaughtModels() {
  useTaughtList();
  const taught = usePage().taught;
  const { models, used, problem, rounds } = usePageState((state) => state.taught);
  const isBusy = usePageState(isAtWork);
  const status = usePageState(({ run }) => run.status);
  const [budget, setBudget] = useState(readBudget);
  const field = useId();
  const mayRemove = !isBusy && canRemoveModels(status);
  const total = models.reduce((sum, model) => sum + model.bytes, 0);
  const offered = overBudget(models, budget, used);
  const freed = models.reduce((sum, { key, bytes }) => sum + (offered.includes(key) ? bytes : 0), 0);
  return (
    <Section
      title="What you taught"
      note="Each model is below the one that it was taught from. It holds all that it needs besides its base model, so removing one takes nothing from another."
      tools={
        models.length > 0 && (
          <>
            <span className="second">{bytes(total)}</span>
            <label htmlFor={field}>Offer to remove the oldest above</label>
            <select
              id={field}
              value={budget}
              data-testid="model-budget"
              onChange={({ target }) => {
                setBudget(Number(target.value));
                writeItem(KEY, target.value);
              }}
            >
              {BUDGETS.map((gib) => (
                <option key={gib} value={gib}>
                  {gib} GiB
                </option>
              ))}
            </select>
          </>
        )
      }
      testId="taught-models"
    >
      {offered.length > 0 && (
        <p className={`second warn ${styles.obstacle}`} role="status" data-testid="over-budget">
          They take more than {budget} GiB.{' '}
          <AskTwice
            verb="Remove"
            of="from this browser"
            what={` ${offered.length === 1 ? 'the oldest' : `the ${offered.length} oldest`}, which frees ${bytes(freed)}`}
            className="act"
            isDisabled={!mayRemove}
            act={() => {
              for (const key of offered) taught.remove(key);
            }}
          />
        </p>
      )}
      {offered.length === 0 && total > budget * GIB && (
        <p className="second" data-testid="budget-too-small">
          The model in use alone takes more than {budget} GiB. It stays until you remove it.
        </p>
      )}
      {problem !== null && (
        <div role="alert" className="notice bad">
          <ErrorText error={problem} />
        </div>
      )}
      {models.length === 0 ? (
        <p className="second">
          {rounds === null && problem === null ? 'Loading…' : 'Nothing yet. A run leaves its model here.'}
        </p>
      ) : (
        <ul>
          {inTrees(models).map(({ taught: one, depth }) => (
            <Row key={one.key} taught={one} depth={depth} mayRemove={mayRemove} />
          ))}
        </ul>
      )}
    </Section>
  );
}

function Row({ taught, depth, mayRemove }: Placed & { mayRemove: boolean }) {
  const { use, remove } = usePage().taught;
  const teach = useTeaching();
  const isUsed = usePageState(({ taught: { used } }) => used === taught.key);
  const hasMore = usePageState(({ taught: { models } }) =>
    models.some(({ model }) => model && taught.model && ancestorsOf(model, [taught.model]).length > 0),
  );
  const active = usePageState(({ run }) => isActive(run.status));
  const isBusy = usePageState(isAtWork);
  const { key, model, bytes: size, savedAt } = taught;
  const name = model === null ? `a model that cannot be read (${taught.name})` : taughtName(model);
  const back = `Go back to after ${model?.lessons.at(-1)?.name ?? ''}`;
  return (
    <li
      className={styles.taught}
      style={{ '--depth': depth }}
      data-testid="taught-model"
      data-used={isUsed}
      aria-label={name}
    >
      <div className="wrap">
        <strong>
          <bdi>{name}</bdi>
        </strong>
        {isUsed && <span className="tag">in use</span>}
        {model !== null && model.name !== '' && <span className="second">{model.name}</span>}
        <span className="second">
          {[
            model && `${modelText(model.settings.model)} → ${model.lessons.map((lesson) => lesson.name).join(' → ')}`,
            moment(new Date(savedAt).toISOString()),
            bytes(size),
            model && averageText(model),
          ]
            .filter(Boolean)
            .join(', ')}
        </span>
      </div>
      <div className={styles.acts}>
        {model !== null && (
          <Act label={`Teach ${name} something more`} disabled={active} onClick={() => teach({ key, model })}>
            Teach it something more
          </Act>
        )}
        {model !== null && !isUsed && (
          <Act label={hasMore ? back : `Use ${name}`} disabled={active || isBusy} onClick={() => use(key)}>
            {hasMore ? back : 'Use'}
          </Act>
        )}
        <AskTwice
          verb="Remove"
          of={`the model ${name}`}
          what={`, which frees ${bytes(size)}`}
          isShort
          className="act"
          isDisabled={!mayRemove}
          act={() => remove(key)}
        />
      </div>
      {model !== null && (
        <details className={`small ${styles.lessons}`} open={isUsed}>
          <summary>What it was taught</summary>
          <Lessons model={model} />
        </details>
      )}
    </li>
  );
}

/** The mean accuracy of the tasks when the last was learned; empty if some are not tested, or tested by a loss. */
function averageText({ lessons }: ModelSummary): string {
  const shares = lessons.map(({ score, now }) => (score === 'loss' ? null : now));
  if (shares.some((share) => share === null)) return '';
  return `average ${percent(shares.reduce((sum: number, share) => sum + (share ?? 0), 0) / shares.length)} % (AP)`;
}
