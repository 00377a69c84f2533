import { type FormEvent, useId } from 'react';
import { useStore } from 'zustand';
import { DTYPE_WORDS, ONNX_DTYPES } from '../../onnx/dtypes.ts';
import { RUNTIME_FILE_BYTES } from '../../onnx/runtime-limit.ts';
import type { TriedRun } from '../../worker/try/messages.ts';
import { bytes } from '../format.ts';
import { budgetBytes } from '../memory/budget.ts';
import { usePageState } from '../page-context.tsx';
import { Segmented } from '../ui/Segmented.tsx';
import { Choice } from './Choice.tsx';
import { limitOf, type TryDesk } from './try-desk.ts';
import { questionOf } from './try-form.ts';
import { roundsToAsk } from './try-state.ts';
import { useTryContext } from './use-try-context.ts';
import styles from './TryTab.module.css';

const KINDS = [
  { value: 'task', label: 'Text for a task' },
  { value: 'raw', label: 'Raw prompt' },
] as const;

const DTYPES = ONNX_DTYPES.map((value) => ({ value, label: DTYPE_WORDS[value] }));

/** The question, the rounds to ask, and the bits of their weights. */
export function AskForm({ desk, run }: { desk: TryDesk; run: TriedRun }) {
  const context = useTryContext();
  const { form, status } = useStore(desk.store);
  const field = useId();
  const isChat = run.settings.training.promptForm === 'chat';
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    desk.ask(context());
  };
  const rounds = roundsToAsk(run);
  const asksNone = rounds.every(({ round, hasWeights }) => !hasWeights || form.skipped.includes(round));
  return (
    <form className={styles.form} onSubmit={submit}>
      <div className={styles.line}>
        <Segmented label="What to ask" options={KINDS} value={form.kind} onChange={(kind) => desk.edit({ kind })} />
        {form.kind === 'task' && (
          <Choice
            label="Task"
            testId="try-task"
            options={run.tasks.map(({ name }) => ({ value: name, label: name }))}
            value={form.task}
            onChange={desk.chooseTask}
          />
        )}
      </div>
      <label className="hidden-visually" htmlFor={field}>
        {form.kind === 'task' ? 'Text for the task’s prompt' : 'Prompt'}
      </label>
      <textarea
        id={field}
        className={styles.text}
        data-testid="try-text"
        rows={form.kind === 'task' ? 2 : 5}
        placeholder={
          form.kind === 'task'
            ? 'Enter a text, or choose a test example below'
            : isChat
              ? 'The user’s turn; the model’s chat template is added, as in training'
              : 'The whole prompt, exactly as the model reads it'
        }
        value={form.kind === 'task' ? form.sentence : form.text}
        onChange={({ target: { value } }) =>
          desk.edit(form.kind === 'task' ? { sentence: value, label: null } : { text: value })
        }
      />
      <fieldset className={styles.rounds}>
        <legend className="hidden-visually">Rounds to ask</legend>
        {rounds.map(({ round, name, hasWeights }) => (
          <label key={round} className={styles.round} title={hasWeights ? undefined : 'Its weights were not saved.'}>
            <input
              type="checkbox"
              disabled={!hasWeights}
              checked={hasWeights && !form.skipped.includes(round)}
              onChange={({ target }) =>
                desk.edit({
                  skipped: target.checked ? form.skipped.filter((one) => one !== round) : [...form.skipped, round],
                })
              }
            />
            {name}
          </label>
        ))}
      </fieldset>
      <div className={styles.line}>
        {status === 'asking' || status === 'stopping' ? (
          <button
            type="button"
            className={styles.stop}
            data-testid="try-stop"
            disabled={status === 'stopping'}
            onClick={desk.stop}
          >
            Stop
          </button>
        ) : (
          <button
            type="submit"
            className={styles.ask}
            data-testid="try-ask"
            disabled={status !== 'open' || asksNone || questionOf(form) === null}
          >
            Ask
          </button>
        )}
        <Choice
          label="Weights"
          testId="try-dtype"
          options={DTYPES}
          value={form.dtype}
          onChange={(dtype) => desk.edit({ dtype })}
        />
        <Memory desk={desk} run={run} />
      </div>
    </form>
  );
}

/** The memory that a round needs in the runtime, and the device it runs on. */
function Memory({ desk, run }: { desk: TryDesk; run: TriedRun }) {
  const { form, runtime } = useStore(desk.store);
  const budget = usePageState(({ memoryBudget }) => memoryBudget);
  const limit = limitOf(budgetBytes(budget));
  const needed = run.bytes?.[form.dtype] ?? null;
  const fitting = ONNX_DTYPES.find((one) => (run.bytes?.[one] ?? Infinity) <= limit);
  const isTooLarge = needed !== null && needed > limit;
  return (
    <p className={isTooLarge ? styles.problem : styles.about} data-testid="try-memory">
      {needed === null
        ? `One round at a time, in at most ${bytes(limit)}.`
        : isTooLarge
          ? `A round takes ${bytes(needed)}, more than the ${bytes(limit)} available. ${fitting ? `With ${DTYPE_WORDS[fitting]} it fits.` : 'No weight format fits.'}`
          : `One round at a time: ${bytes(needed)} of the ${bytes(limit)} available.`}{' '}
      {runtime === null
        ? `The first question loads onnxruntime-web from this page: ${bytes(RUNTIME_FILE_BYTES.wasm)}, or ${bytes(RUNTIME_FILE_BYTES.webgpu)} with a graphics card.`
        : runtime.provider === 'webgpu'
          ? 'Computed on the graphics card.'
          : [runtime.note, 'Computed on the CPU.'].filter(Boolean).join(' ')}
    </p>
  );
}
