import { useMemo } from 'react';
import { isSoft, spaceOf } from '../../../gorp/part/method-plan.ts';
import { planOf } from '../../../methods/registry.ts';
import { usePageState } from '../../state/page-context.tsx';
import { isActive } from '../../state/run-state.ts';
import { listed } from '../../state/story.ts';
import { Section } from '../../ui/blocks.tsx';
import { withTerms } from '../../ui/terms.tsx';
import { Angles } from './Angles.tsx';
import { Gradients, LayerSummary } from './Gradients.tsx';
import { isHeatMap } from './map-lines.ts';
import styles from './ranks.module.css';
import { layerLines, NO_SAMPLES, NO_SPACES, shortName, taskLikeness, tensorRows } from './ranks.ts';
import { RanksMap } from './RanksMap.tsx';
import { Spectrum, Suppressed } from './Spectrum.tsx';

/** Full spaces named one by one. */
const MOST_NAMED = 6;

/** The shared spaces by layer and round, their effect on gradients and updates, and the similarity of the tasks. */
export function RanksTab() {
  const spaces = usePageState(({ run }) => run.results?.spaces ?? NO_SPACES);
  const settings = usePageState(({ run, draft }) => run.settings ?? draft);
  const started = usePageState(({ run }) => run.status !== 'idle');
  const ended = usePageState(({ run }) => run.status !== 'idle' && !isActive(run.status));
  const selected = usePageState(({ view }) => view.selected);
  const samples = usePageState(({ run }) => run.results?.health ?? NO_SAMPLES);
  const courses = useMemo(() => layerLines(samples), [samples]);
  const spacePlan = spaceOf(planOf(settings.method));
  const soft = spacePlan !== undefined && isSoft(spacePlan);
  const rows = useMemo(() => tensorRows(spaces, settings.order.length, soft), [spaces, settings, soft]);
  const likeness = useMemo(() => taskLikeness(spaces, settings.order.length), [spaces, settings]);

  if (spacePlan === undefined) {
    return (
      <div className="sections">
        <p className="about">
          <code>{settings.method.name}</code> has no shared space, so it removes nothing from gradients. Choose{' '}
          <code>gorp-plus</code>, <code>gorp</code> or <code>gorp-bs</code> to see one.
        </p>
        <Gradients courses={courses} />
      </div>
    );
  }
  const full = rows.filter((row) => row.full);
  const latest = spaces.at(-1)?.round ?? 1;
  const name = selected?.name ?? rows[0]?.name;
  const round = selected?.round ?? latest;
  const row = rows.find((one) => one.name === name);
  const space = row?.rounds[round - 1];
  const task = settings.order[round - 1] ?? '';
  return (
    <div className="sections">
      <p className="about" data-testid="why-ranks">
        {withTerms(
          'What a task needs of a layer lies in a few directions of its inputs or gradients; a projection keeps the training of later tasks out of them, so what was learned stays, and the rank that all tasks hold tells how much room is left.',
          'direction',
          'gradient',
          'projection',
          'rank',
        )}
      </p>
      <LayerSummary />
      {full.length > 0 && (
        <div className={`notice warn ${styles.full}`} role="status" data-testid="space-full">
          <strong>
            {full.length === rows.length
              ? 'Every space is full.'
              : full.length === 1
                ? '1 space is full.'
                : `${full.length} of ${rows.length} spaces are full.`}
          </strong>{' '}
          {full.length === 1 ? 'This tensor no longer learns' : 'These tensors no longer learn'}: earlier tasks hold
          every direction of{' '}
          {listed([
            ...full.slice(0, MOST_NAMED).map((row) => shortName(row.name)),
            ...(full.length > MOST_NAMED ? [`${full.length - MOST_NAMED} more`] : []),
          ])}
          .{full.some(({ part }) => part === 'lora') && ' The B of an adapter still learns.'} Later tasks need room:
          choose a lower threshold, or <code>gorp-plus</code>, whose spaces leave a part of every direction.
        </div>
      )}
      <div className={`sections ${styles.beside}`}>
        <Section
          title="Directions held, by layer and task"
          note={`${aboutCells(soft, isHeatMap(rows, settings.order.length))} Choose a cell for its spectrum.`}
        >
          {rows.length === 0 ? (
            <p className="about" data-testid="ranks-map">
              {ended
                ? 'These results were saved without their spaces, as studies save them, or the run ended before the first.'
                : started
                  ? 'The first space is built at the end of the first task.'
                  : 'Start a run: the first space is built at the end of its first task.'}
            </p>
          ) : (
            <RanksMap rows={rows} courses={courses} selected={name === undefined ? null : { name, round }} />
          )}
        </Section>
        {space !== undefined && (
          <div className={`stack ${styles.chosen}`}>
            <Spectrum space={space} isSoft={soft} round={round} task={task} />
            {space.suppressed !== undefined && space.suppressed.length > 0 && (
              <Suppressed name={space.name} task={task} shares={space.suppressed} />
            )}
          </div>
        )}
      </div>
      {row !== undefined && settings.order.length > 1 && (
        <Angles likeness={likeness} row={row} round={round} order={settings.order} />
      )}
      <Gradients courses={courses} />
    </div>
  );
}

/** Explains the cells of the map. @param isSoft whether directions are suppressed by weights. */
function aboutCells(isSoft: boolean, isHeat: boolean): string {
  const added = isSoft
    ? 'The directions that each task added, each counted by how much it is suppressed'
    : 'The rank that each task added';
  const open = isSoft
    ? ' Little room left is no problem: a direction is suppressed by how much it was used, and none is closed entirely.'
    : '';
  if (isHeat) return `${added}, or the room left after it, in percent.${open}`;
  return isSoft
    ? `${added} (+), and their total; the bar is its share of the dimension.${open}`
    : `${added} (+), and the directions held after it; the bar is their share of the dimension.`;
}
