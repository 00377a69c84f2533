import { useState } from 'react';
import { methodTitle } from '../../../methods/registry.ts';
import type { LastRound } from '../../../worker/protocol.ts';
import { Section } from '../../ui/blocks.tsx';
import { Segmented } from '../../ui/controls.tsx';
import { type Dtypes, type Snippet, snippetsFor } from './use-snippets.ts';
import styles from './results.module.css';

/** Outcome of the last press. */
type Copied = 'not yet' | 'copied' | 'refused';
const TEXTS: Readonly<Record<Copied, string>> = {
  'not yet': 'Copy',
  copied: 'Copied',
  refused: 'Select and copy by hand',
};

/** Copies a text to the clipboard. @param label what the button does, for screen readers. */
function CopyButton({ text, label }: { text: string; label: string }) {
  const [state, setState] = useState<Copied>('not yet');
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(text);
      setState('copied');
    } catch {
      setState('refused'); // pages over plain http have no clipboard, and the user may have blocked it
    }
  };
  return (
    <>
      <button
        type="button"
        className={styles.copy}
        aria-label={label}
        data-testid="copy-code"
        onClick={() => void copy()}
      >
        {TEXTS[state]}
      </button>
      <span role="status" className="hidden-visually">
        {state === 'not yet' ? '' : TEXTS[state]}
      </span>
    </>
  );
}

/** Short programs in common libraries that ask the model of the last round for an answer. */
export default function UseModel({ last: { round, settings, use }, dtypes }: { last: LastRound; dtypes: Dtypes }) {
  const snippets = snippetsFor(use, dtypes);
  const [chosen, choose] = useState<Snippet['id']>('transformers.js');
  const { id, title, needs, code } = snippets.find((one) => one.id === chosen) ?? snippets[0];
  return (
    <div className={styles.use}>
      <Section
        level={3}
        title="Use this model"
        note={`Programs that load the files above: the model that was taught ${settings.order.slice(0, round).join(', ')} by ${methodTitle(settings.method)}.`}
        tools={
          <Segmented
            label="Program"
            options={snippets.map((one) => ({ value: one.id, label: one.title }))}
            value={id}
            onChange={choose}
          />
        }
        testId="use-model"
      >
        <p className="about" data-testid="use-needs">
          {needs}
        </p>
        <div className={styles.program}>
          <pre className={styles.code} role="group" tabIndex={0} aria-label={`Program: ${title}`}>
            <code data-testid="use-code">{code}</code>
          </pre>
          <CopyButton key={code} text={code} label={`Copy the program: ${title}`} />
        </div>
        {use.example !== null && !/"my (text|prompt)"/.test(code) && (
          <p className="about">
            The text comes from a test, where the model answered <code>{JSON.stringify(use.example.answer)}</code>.
          </p>
        )}
      </Section>
    </div>
  );
}
