import { usePageState } from '../page-context.tsx';
import { countsOf, ReadExample } from '../preview/ReadExample.tsx';
import { Section } from '../ui/Section.tsx';

/** The first example of the run exactly as the model reads it, with the tokens of its label marked. */
export function Reading() {
  const reading = usePageState(({ run }) => run.reading);
  if (reading === null) return null;
  return (
    <Section title="What the model reads" note={countsOf(reading)}>
      <ReadExample {...reading} />
    </Section>
  );
}
