import { useId } from 'react';
import { useStore } from 'zustand';
import type { Writing } from '../../../worker/try/messages.ts';
import { typedNumber } from '../../ui/typed-number.ts';
import { Choice } from '../../ui/Choice.tsx';
import type { Playground } from '../../state/playground.ts';
import { isWritable, MOST_TOKENS } from '../../state/try-form.ts';
import styles from './try.module.css';

const RULES = [
  { value: 'likeliest', label: 'the likeliest' },
  { value: 'drawn', label: 'drawn at random' },
] as const;

/** How hot the first draw is. */
const TEMPERATURE = 0.7;

/** How raw prompts and conversations are answered: how far, and which token comes next. */
export function WritingFields({ playground }: { playground: Playground }) {
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
