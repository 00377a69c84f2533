import { usePageState } from '../page-context.tsx';
import { countsOf, ReadExample } from '../preview/ReadExample.tsx';
import { Section } from '../ui/Section.tsx';
import view from '../ui/view.module.css';

/** The first example of the run exactly as the model reads it, with the tokens of its label marked. */
export function Reading() {
  const reading = usePageState(({ run }) => run.reading);
  const notes = usePageState(({ run }) => run.notes);
  if (reading === null) return null;
  return (
    <Section title="What the model reads" note={countsOf(reading)}>
      <ReadExample {...reading} />
      {notes.map((note) => (
        <p key={note} className={view.about} data-testid="reading-note">
          {note} The embedded models have this length by design; most of their texts are far shorter.
        </p>
      ))}
    </Section>
  );
}
