import { useEffect, useState } from 'react';
import { explained } from '../../base/errors.ts';
import { methodOf } from '../../methods/registry.ts';
import { taughtName } from '../../run/files/model-line.ts';
import { countedIn, enoughFor, LONGEST, type TaskLengths, type TextLengths } from '../../run/planning/text-lengths.ts';
import type { RunSettings } from '../../run/settings/settings.ts';
import { isCutByDesign } from '../../run/settings/starting-values.ts';
import { freeAnswerLength } from '../../tasks/forms.ts';
import { useTaughtList } from '../shared/Lessons.tsx';
import { usePage, usePageState } from '../state/page-context.tsx';
import { isActive } from '../state/run-state.ts';
import { listed } from '../state/story.ts';
import { lastCount } from '../state/text-questions.ts';
import { bytes } from '../ui/format.ts';
import styles from './form.module.css';

/** A fact that asks for a decision: what is wrong, and the change that mends it, if one does. */
interface Concern {
  readonly text: string;
  /** Whether the run cannot learn what was meant, rather than lose a little. */
  readonly isGrave: boolean;
  readonly change?: { readonly label: string; readonly training: Partial<RunSettings['training']> };
}

/** Share of cut texts from which on it matters. */
const MANY = 0.05;

/** Tasks whose cut texts are named one by one. */
const MOST_NAMED = 3;

/** The rates, lengths and prompts that a run will use, and which texts are cut by design. */
export function usedBy(settings: RunSettings, lengths: TextLengths | null): string {
  const { method, training } = settings;
  const { settings: known } = methodOf(method);
  const rates = [
    'learningRate' in known && `${method.learningRate}`,
    'galoreLearningRate' in known && `${method.galoreLearningRate} at full rank`,
  ].filter((rate) => rate !== false);
  const course = training.lrSchedulerType === 'constant' ? '' : ', falling to 0 over each task';
  const answer = Math.max(0, ...countedIn(lengths).map((task) => task.answer));
  const longest = training.targetLength === 0 ? answer : training.targetLength;
  const form =
    training.promptForm === 'chat'
      ? ', by the model’s chat template'
      : lengths?.hasTemplate === true
        ? ', without the model’s chat template'
        : '';
  const answers = longest === 0 ? '' : `; answers of up to ${longest}`;
  const meant = cutTasks(settings, lengths).filter(({ name }) => isCutByDesign(settings, name));
  const cut =
    meant.length === 0
      ? ''
      : ` By design, ${inSentence(sharesOf(meant, 'texts', (task) => task.cut))} are cut: most are far shorter.`;
  return `Learning rate ${rates.join(' and ')}${course}. Prompts of up to ${training.sourceLength} tokens${form}${answers}.${cut}`;
}

/** A warning about texts that would be cut or cannot be learned, with what to do. */
export function concernsOf(settings: RunSettings, lengths: TextLengths | null): Concern[] {
  if (lengths === null) return [];
  const { sourceLength, targetLength } = settings.training;
  const counted = countedIn(lengths);
  const enough = enoughFor(lengths);
  const raise = enough !== null && enough > sourceLength ? raised('prompt', 'sourceLength', enough) : {};
  const failed = lengths.tasks.flatMap((task) =>
    'error' in task ? [{ text: `${task.name}: ${explained(task.error)}`, isGrave: true }] : [],
  );
  const refused = counted
    .filter(({ question }) => question > sourceLength)
    .map(({ name, question }) => ({
      text: `${name}: the prompt takes ${question} tokens even without a text, but may have ${sourceLength}: the run will be refused.`,
      isGrave: true,
    }));
  const cut = cutTasks(settings, lengths).filter(({ name }) => !isCutByDesign(settings, name));
  const most = freeAnswerLength(targetLength);
  const shortened = counted.filter((task) => task.shortened > 0);
  const longestAnswer = Math.max(0, ...counted.map(({ answer }) => answer));
  const tooLong = cut.some(({ longest }) => longest === null) ? `: the longest has over ${LONGEST} tokens.` : '.';
  const all: (Concern | false)[] = [
    ...failed,
    ...refused,
    cut.length > 0 && {
      text: `${sharesOf(cut, 'texts', (task) => task.cut)} would be cut${tooLong}`,
      isGrave: cut.some((task) => task.cut >= MANY * task.counted),
    },
  ];
  const concerns = all.filter((concern) => concern !== false);
  const last = concerns.length - 1;
  return [
    // One change mends all of them.
    ...concerns.map((concern, i) => (i === last ? { ...concern, ...raise } : concern)),
    ...(shortened.length === 0
      ? []
      : [
          {
            text: `${sharesOf(shortened, 'answers', (task) => task.shortened)} have more than ${most} tokens and would be learned so far only.`,
            isGrave: shortened.some((task) => task.shortened >= MANY * task.counted),
            ...raised('answer', 'targetLength', longestAnswer),
          },
        ]),
  ];
}

/** Tasks whose prompts fit, but some of whose texts do not. */
const cutTasks = ({ training }: RunSettings, lengths: TextLengths | null): TaskLengths[] =>
  countedIn(lengths).filter((task) => task.cut > 0 && task.question <= training.sourceLength);

/** A text without the capital of a sentence's first word. */
const inSentence = (text: string): string => text[0].toLowerCase() + text.slice(1);

/** `12 of 200`; `about 60 of 1,200` if not all were counted. */
const shareOf = (part: number, { counted, texts }: TaskLengths): string =>
  counted === texts ? `${part} of ${texts}` : `about ${Math.max(1, Math.round((part / counted) * texts))} of ${texts}`;

/** `5 of 420 texts of gloss, 13 of 420 of people and some of 2 more tasks`. */
function sharesOf(tasks: readonly TaskLengths[], what: string, partOf: (task: TaskLengths) => number): string {
  const named = tasks
    .slice(0, MOST_NAMED)
    .map((task, i) => `${shareOf(partOf(task), task)} ${i === 0 ? `${what} ` : ''}of ${task.name}`);
  const more = tasks.length - MOST_NAMED;
  if (more > 0) named.push(`some of ${more} more ${more === 1 ? 'task' : 'tasks'}`);
  const text = listed(named);
  return text[0].toUpperCase() + text.slice(1);
}

const raised = (what: string, key: 'sourceLength' | 'targetLength', to: number): Pick<Concern, 'change'> => ({
  change: { label: `Raise the ${what} length to ${to}`, training: { [key]: to } },
});

/** Copies of the state that are on disk at once: the last two checkpoints, and one in writing or the saved model. */
const COPIES = 3;

/**
 * The room that a run needs and the room that is left, in words, and what to remove if it does not suffice.
 *
 * @param state bytes of a saved model at most; a checkpoint takes about as many. @param room bytes left.
 * @param saves whether checkpoints are saved. @param models that may be removed, the newest first.
 */
export function roomText(
  { state, room, saves }: { state: number; room: number; saves: boolean },
  models: readonly { readonly name: string; readonly bytes: number }[],
): { text: string; isGrave: boolean } {
  const needed = state * (saves ? COPIES : 1);
  const takes = `The model will take up to ${bytes(state)} of this browser’s storage`;
  if (room >= needed) {
    return { text: `The browser reports room for the model: up to ${bytes(state)} of ${bytes(room)}.`, isGrave: false };
  }
  const short = `${takes}${saves ? `, and ${bytes(needed)} with the checkpoints of the run` : ''}; the browser reports only ${bytes(room)} left.`;
  let freed = 0;
  const oldest = models.toReversed().filter((one) => {
    const isNeeded = room + freed < needed;
    if (isNeeded) freed += one.bytes;
    return isNeeded;
  });
  const mend =
    freed === 0
      ? 'Remove base models under Models, or free disk space.'
      : `Under Models you can remove ${listed(oldest.map(({ name }) => name))}, which frees ${bytes(freed)}${room + freed < needed ? ': not enough, so free disk space too' : ''}.`;
  return { text: `${short} ${mend}`, isGrave: true };
}

/** The bytes that the browser would still store; null until known, or if it does not say. */
function useRoom(): number | null {
  const [room, setRoom] = useState<number | null>(null);
  const stored = usePageState(({ history, models }) => `${history.length} ${models.usageBytes}`);
  const models = usePageState((state) => state.taught.models);
  useEffect(() => {
    let isLate = false;
    void navigator.storage?.estimate?.().then(({ usage, quota }) => {
      if (!isLate && usage !== undefined && quota !== undefined) setRoom(Math.max(0, quota - usage));
    });
    return () => void (isLate = true);
  }, [stored, models]);
  return room;
}

/** The room for the model that the run will save. */
function RoomFact() {
  const room = useRoom();
  const state = usePageState(({ memoryPlan }) => (memoryPlan.status === 'planned' ? memoryPlan.plan.checkpoint : null));
  const saves = usePageState(({ checkpointMinutes }) => checkpointMinutes > 0);
  if (room === null || state === null) return null;
  const asked = { state, room, saves };
  const { text, isGrave } = roomText(asked, []);
  return isGrave ? <NoRoom {...asked} /> : <p data-testid="room">{text}</p>;
}

/** The models are listed only where some have to go. */
function NoRoom(asked: Parameters<typeof roomText>[0]) {
  useTaughtList();
  const { models, used } = usePageState((state) => state.taught);
  const teaches = usePageState((all) => all.teaches?.key ?? null);
  const others = models.filter(({ key }) => key !== used && key !== teaches);
  const named = others.map(({ name, model, bytes }) => ({ name: model === null ? name : taughtName(model), bytes }));
  return (
    <p className={`warn ${styles.concern}`} data-testid="room">
      {roomText(asked, named).text}
    </p>
  );
}

/** Which texts the run would cut, beside _Start_; folded, what it will use of its settings. */
export function StartFacts({ id }: { id: string }) {
  const { edit, countTexts } = usePage();
  const draft = usePageState((state) => state.draft);
  const state = usePageState((all) => all.lengths);
  const isSettling = usePageState((all) => all.isSettling);
  const active = usePageState(({ run }) => isActive(run.status));
  const lengths = lastCount(state);
  if (active) return null;
  return (
    <div id={id} className={styles.start} data-testid="start-facts" data-status={state.status}>
      {concernsOf(draft, lengths).map(({ text, isGrave, change }) => (
        <p key={text} className={isGrave ? `warn ${styles.concern}` : styles.concern}>
          {text}{' '}
          {change && (
            <button
              type="button"
              className="link small"
              onClick={() =>
                edit(({ training, ...rest }) => ({ ...rest, training: { ...training, ...change.training } }))
              }
            >
              {change.label}
            </button>
          )}
        </p>
      ))}
      {state.status === 'failed' && <p className={`warn ${styles.concern}`}>{explained(state.error)}</p>}
      {state.status === 'elsewhere' && (
        <button type="button" className="link small" data-testid="count-texts" onClick={countTexts}>
          Load the tokenizer and the tasks to count their tokens
        </button>
      )}
      <RoomFact />
      {isSettling && <p role="status">Reading the texts as the model will, before the run begins…</p>}
      <details>
        <summary>Rates and lengths</summary>
        <p>{usedBy(draft, lengths)}</p>
      </details>
    </div>
  );
}
