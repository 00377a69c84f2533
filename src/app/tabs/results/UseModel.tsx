import { useState } from 'react';
import { methodTitle } from '../../../methods/registry.ts';
import type { LastRound } from '../../../worker/protocol.ts';
import { Section } from '../../ui/blocks.tsx';
import { Segmented } from '../../ui/controls.tsx';
import { copied } from '../../ui/hooks.ts';
import { type Dtypes, type Snippet, snippetsFor } from './use-snippets.ts';
import styles from './results.module.css';

/** Outcome of the last press. */
type Outcome = 'not yet' | 'copied' | 'refused';
const TEXTS: Readonly<Record<Outcome, string>> = {
  'not yet': 'Copy',
  copied: 'Copied',
  refused: 'Select and copy by hand',
};

/** Copies a text to the clipboard. @param label what the button does, for screen readers. */
function CopyButton({ text, label }: { text: string; label: string }) {
  const [state, setState] = useState<Outcome>('not yet');
  const copy = async (): Promise<void> => setState((await copied(text)) ? 'copied' : 'refused');
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

/** A text to copy. */
function Copied({ text, label, testId }: { text: string; label: string; testId: string }) {
  return (
    <div className={styles.program}>
      <pre className={styles.code} role="group" tabIndex={0} aria-label={label}>
        <code data-testid={testId}>{text}</code>
      </pre>
      <CopyButton key={text} text={text} label={`Copy: ${label}`} />
    </div>
  );
}

/** Short programs in common libraries that ask the model of the last round for an answer. */
export function UseModel({ last: { round, settings, use }, dtypes }: { last: LastRound; dtypes: Dtypes }) {
  const snippets = snippetsFor(use, dtypes);
  const [chosen, choose] = useState<Snippet['id']>('transformers.js');
  const { id, title, needs, code, prompt } = snippets.find((one) => one.id === chosen) ?? snippets[0];
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
        <Copied text={code} label={`Program: ${title}`} testId="use-code" />
        {prompt !== undefined && (
          <>
            <p className="about">Paste this prompt into the chat, not into the shell, which would run its lines:</p>
            <Copied text={prompt} label={`Prompt for ${title}`} testId="use-prompt" />
          </>
        )}
        {use.example !== null && !/"my (text|prompt)"/.test(code) && (
          <p className="about">
            The text comes from a test, where the model answered <code>{JSON.stringify(use.example.answer)}</code>.
          </p>
        )}
      </Section>
    </div>
  );
}
