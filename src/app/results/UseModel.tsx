import { useState } from 'react';
import type { LastRound } from '../../worker/protocol.ts';
import { Section } from '../ui/Section.tsx';
import { methodTitle } from '../../methods/registry.ts';
import { Segmented } from '../ui/Segmented.tsx';
import { CopyButton } from './CopyButton.tsx';
import { type Dtypes, type Snippet, snippetsFor } from './use-snippets.ts';
import styles from './UseModel.module.css';

/** Short programs in common libraries that ask the model of the last round for an answer. */
export default function UseModel({ last: { round, settings, use }, dtypes }: { last: LastRound; dtypes: Dtypes }) {
  const snippets = snippetsFor(use, dtypes, settings.method.name);
  const [chosen, choose] = useState<Snippet['id']>('transformers.js');
  const { id, title, needs, code } = snippets.find((one) => one.id === chosen) ?? snippets[0];
  return (
    <div className={styles.part}>
      <Section
        level={3}
        title="Use this model"
        note={`Programs that load the files above: the model after round ${round} of ${methodTitle(settings.method)}.`}
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
        <p className={styles.about} data-testid="use-needs">
          {needs}
        </p>
        <div className={styles.program}>
          <pre className={styles.code} role="group" tabIndex={0} aria-label={`Program: ${title}`}>
            <code data-testid="use-code">{code}</code>
          </pre>
          <CopyButton key={code} text={code} label={`Copy the program: ${title}`} />
        </div>
        {use.example !== null && (
          <p className={styles.about}>
            The prompt comes from the round’s test, where the model answered{' '}
            <code>{JSON.stringify(use.example.answer)}</code>.
          </p>
        )}
      </Section>
    </div>
  );
}
