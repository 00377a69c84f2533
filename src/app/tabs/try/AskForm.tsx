import { type FormEvent, useId, useRef } from 'react';
import { useStore } from 'zustand';
import { DTYPE_WORDS, ONNX_DTYPES, RUNTIME_FILE_BYTES } from '../../../onnx/dtypes.ts';
import type { TriedRun, Writing } from '../../../worker/try/messages.ts';
import { usePageState } from '../../state/page-context.tsx';
import { limitOf, playground, useTryContext } from '../../state/playground.ts';
import { budgetBytes } from '../../state/preferences.ts';
import { isWritable, MOST_TOKENS, questionOf } from '../../state/try-form.ts';
import { chosenRounds, roundsOfTalk, roundsToAsk } from '../../state/try-state.ts';
import { Choice, Segmented } from '../../ui/controls.tsx';
import { bytes } from '../../ui/format.ts';
import { typedNumber, useFocusStays } from '../../ui/hooks.ts';
import { Transcript } from './Answers.tsx';
import styles from './try.module.css';

const KINDS = [
  { value: 'task', label: 'Text for a task' },
  { value: 'raw', label: 'Raw prompt' },
  { value: 'chat', label: 'Conversation' },
] as const;

const DTYPES = ONNX_DTYPES.map((value) => ({ value, label: DTYPE_WORDS[value] }));

/** The question or the conversation, the rounds to ask, and the bits of their weights. */
export function AskForm({ run }: { run: TriedRun }) {
  const context = useTryContext();
  const { form, talk, status } = useStore(playground.store);
  const isChat = form.kind === 'chat';
  const isBusy = status === 'asking' || status === 'stopping';
  const line = useRef<HTMLDivElement>(null);
  const focus = useFocusStays(line, isBusy);
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    playground.ask(context());
  };
  const asked = isChat ? roundsOfTalk(run, form, talk) : chosenRounds(run, form);
  return (
    <form className={`stack ${styles.form}`} onSubmit={submit}>
      <div className="row">
        <Segmented
          label="What to ask"
          options={KINDS.filter(({ value }) => value !== 'chat' || run.converses)}
          value={form.kind}
          onChange={(kind) => playground.edit({ kind })}
        />
        {form.kind === 'task' && (
          <Choice
            label="Task"
            testId="try-task"
            options={run.tasks.map(({ name }) => ({ value: name, label: name }))}
            value={form.task}
            onChange={playground.chooseTask}
          />
        )}
        {isChat && talk.length > 0 && (
          <button
            type="button"
            className={styles.ask}
            data-testid="new-talk"
            disabled={isBusy}
            onClick={playground.newTalk}
          >
            New conversation
          </button>
        )}
      </div>
      <Rounds run={run} isLocked={isChat && talk.length > 0} asked={asked.map(({ round }) => round)} />
      {isChat && <SystemField />}
      {isChat && <Transcript />}
      <QuestionField run={run} />
      {form.kind !== 'task' && <WritingFields />}
      <div ref={line} className="row" {...focus}>
        {isBusy ? (
          <button
            type="button"
            className={styles.ask}
            data-testid="try-stop"
            aria-disabled={status === 'stopping'}
            onClick={() => status !== 'stopping' && playground.stop()}
          >
            Stop
          </button>
        ) : (
          <button
            type="submit"
            className={`primary ${styles.ask}`}
            data-testid="try-ask"
            disabled={status !== 'open' || asked.length === 0 || questionOf(form) === null}
          >
            {isChat ? 'Send' : 'Ask'}
          </button>
        )}
        <Choice
          label="Weights"
          testId="try-dtype"
          options={DTYPES}
          value={form.dtype}
          onChange={(dtype) => playground.edit({ dtype })}
        />
        <Memory run={run} />
      </div>
    </form>
  );
}

interface RoundsProps {
  run: TriedRun;
  /** Whether a conversation has begun: its rounds stay. */
  isLocked: boolean;
  asked: readonly number[];
}

function Rounds({ run, isLocked, asked }: RoundsProps) {
  const { form } = useStore(playground.store);
  const choose = (round: number, isAsked: boolean): void => {
    const others = (rounds: readonly number[]): number[] => rounds.filter((one) => one !== round);
    if (form.kind === 'chat') playground.edit({ talkers: isAsked ? [...asked, round] : others(asked) });
    else playground.edit({ skipped: isAsked ? others(form.skipped) : [...form.skipped, round] });
  };
  return (
    <fieldset className="row" title={isLocked ? 'A new conversation can ask others.' : undefined}>
      <legend className="hidden-visually">Models to ask</legend>
      {roundsToAsk(run).map(({ round, name, hasWeights }) => (
        <label key={round} className="choice" title={hasWeights ? undefined : 'Its weights were not saved.'}>
          <input
            type="checkbox"
            disabled={!hasWeights || isLocked}
            checked={asked.includes(round)}
            onChange={({ target }) => choose(round, target.checked)}
          />
          {name}
        </label>
      ))}
    </fieldset>
  );
}

/** The system prompt, sent before the conversation. It may change between turns. */
function SystemField() {
  const { form } = useStore(playground.store);
  return (
    <details className={`small ${styles.system}`} open={form.system !== ''}>
      <summary>System prompt</summary>
      <textarea
        aria-label="System prompt"
        data-testid="try-system"
        rows={2}
        placeholder="How the assistant should answer; may stay empty"
        value={form.system}
        onChange={({ target }) => playground.edit({ system: target.value })}
      />
    </details>
  );
}

function QuestionField({ run }: { run: TriedRun }) {
  const { form } = useStore(playground.store);
  const isTemplated = run.settings.training.promptForm === 'chat';
  const { label, rows, placeholder, value, edit } = {
    task: {
      label: 'Text for the task’s prompt',
      rows: 2,
      placeholder: 'Enter a text, or choose a test example below',
      value: form.sentence,
      edit: (sentence: string) => playground.edit({ sentence, label: null, others: [] }),
    },
    raw: {
      label: 'Prompt',
      rows: 5,
      placeholder: isTemplated
        ? 'The user’s turn; the model’s chat template is added, as in training'
        : 'The whole prompt, exactly as the model reads it',
      value: form.text,
      edit: (text: string) => playground.edit({ text }),
    },
    chat: {
      label: 'Your turn',
      rows: 2,
      placeholder: 'Write to the model; Enter sends, Shift and Enter begin a new line',
      value: form.turn,
      edit: (turn: string) => playground.edit({ turn }),
    },
  }[form.kind];
  return (
    <textarea
      aria-label={label}
      data-testid="try-text"
      rows={rows}
      placeholder={placeholder}
      value={value}
      onChange={({ target }) => edit(target.value)}
      onKeyDown={(event) => {
        if (form.kind !== 'chat' || event.key !== 'Enter' || event.shiftKey || event.nativeEvent.isComposing) return;
        event.preventDefault();
        event.currentTarget.form?.requestSubmit();
      }}
    />
  );
}

/** The memory that a round needs in the runtime, and the device it runs on. */
function Memory({ run }: { run: TriedRun }) {
  const { form, runtime } = useStore(playground.store);
  const budget = usePageState(({ memoryBudget }) => memoryBudget);
  const limit = limitOf(budgetBytes(budget));
  const needed = run.bytes?.[form.dtype] ?? null;
  const fitting = ONNX_DTYPES.find((one) => (run.bytes?.[one] ?? Infinity) <= limit);
  const isTooLarge = needed !== null && needed > limit;
  return (
    <p className={isTooLarge ? 'about bad' : 'about'} data-testid="try-memory">
      {needed === null
        ? `One model at a time, in at most ${bytes(limit)}.`
        : isTooLarge
          ? `A model takes ${bytes(needed)}, more than the ${bytes(limit)} available. ${fitting ? `With ${DTYPE_WORDS[fitting]} it fits.` : 'No weight format fits.'}`
          : `One model at a time: ${bytes(needed)} of the ${bytes(limit)} available.`}{' '}
      {runtime === null
        ? `The first question loads onnxruntime-web from this page: ${bytes(RUNTIME_FILE_BYTES.wasm)}, or ${bytes(RUNTIME_FILE_BYTES.webgpu)} with a graphics card.`
        : runtime.provider === 'webgpu'
          ? 'Computed on the graphics card.'
          : [runtime.note, 'Computed on the CPU.'].filter(Boolean).join(' ')}
    </p>
  );
}

const RULES = [
  { value: 'likeliest', label: 'the likeliest' },
  { value: 'drawn', label: 'drawn at random' },
] as const;

/** How hot the first draw is. */
const TEMPERATURE = 0.7;

/** How raw prompts and conversations are answered: how far, and which token comes next. */
function WritingFields() {
  const { writing } = useStore(playground.store, ({ form }) => form);
  const change = (part: Partial<Writing>): void => playground.edit({ writing: { ...writing, ...part } });
  const isDrawn = writing.temperature !== 0;
  return (
    <div className="row">
      <NumberField
        label="Longest answer, tokens"
        testId="try-most"
        value={writing.most}
        isWhole
        set={(most) => change({ most })}
      />
      <Choice
        label="Next token"
        testId="try-rule"
        options={RULES}
        value={isDrawn ? 'drawn' : 'likeliest'}
        onChange={(rule) => change({ temperature: rule === 'drawn' ? TEMPERATURE : 0 })}
      />
      {isDrawn && (
        <>
          <NumberField
            label="Temperature"
            testId="try-temperature"
            value={writing.temperature}
            set={(temperature) => change({ temperature: temperature === 0 ? Number.NaN : temperature })}
          />
          <NumberField label="Seed" testId="try-seed" value={writing.seed} isWhole set={(seed) => change({ seed })} />
        </>
      )}
      {!isWritable(writing) && (
        <p className="about bad" role="alert">
          Choose 1 to {MOST_TOKENS} tokens, a temperature above 0 and up to 5, and a whole number as the seed.
        </p>
      )}
    </div>
  );
}

interface NumberProps {
  label: string;
  testId: string;
  value: number;
  isWhole?: boolean;
  set: (value: number) => void;
}

function NumberField({ label, testId, value, isWhole = false, set }: NumberProps) {
  const id = useId();
  const read = (text: string): number => {
    const typed = typedNumber(text, isWhole);
    return typed === null || typed === 'ambiguous' ? Number.NaN : typed.value;
  };
  return (
    <span className="choice">
      <label htmlFor={id}>{label}</label>
      <input
        id={id}
        className={styles.length}
        type="text"
        inputMode="decimal"
        data-testid={testId}
        defaultValue={String(value)}
        onChange={({ target }) => set(read(target.value))}
      />
    </span>
  );
}
