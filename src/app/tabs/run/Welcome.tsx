import type { MethodName } from '../../../methods/registry.ts';
import { usePageState } from '../../state/page-context.tsx';
import { taskCard } from '../../state/task-store.ts';
import { withTerms } from '../../ui/Term.tsx';
import { visibleText } from '../../../base/visible.ts';
import { counterMethod, PLAIN } from './SideBySide.tsx';
import styles from './run.module.css';

/** The embedded models as named within a sentence. */
const MODELS: Readonly<Record<string, string>> = { embedded: 'a small T5', 'embedded-llama': 'a small LLaMA' };

/** A sentence about the chosen method that its run can show. */
const aboutMethod = (method: MethodName): string =>
  method === 'gorp-plus'
    ? 'gorp-plus, the method chosen, keeps its updates out of the directions that earlier tasks need.'
    : method === PLAIN
      ? `${PLAIN}, the method chosen, is plain.`
      : `The method chosen is ${method}.`;

/** Before the first run: what Start does, and what each view will show. */
export function Welcome() {
  const order = usePageState(({ draft }) => draft.order);
  const data = usePageState((state) => state.userTasks);
  const model = usePageState(({ draft }) => draft.model);
  const method = usePageState(({ draft }) => draft.method.name);
  const withOther = counterMethod(method) === PLAIN ? 'without protection' : `with ${counterMethod(method)}`;
  const cards = order.map((name) => taskCard(name, data));
  return (
    <div className={styles.welcome}>
      <h2 className={styles.headline}>Teach a language model one task after another, and see what it forgets.</h2>
      <p className={styles.lead}>
        Start trains {MODELS[model] ?? 'the model you chose'} on your own machine, in this tab. It learns the tasks
        below in order and is tested after each.{' '}
        {withTerms('Plain fine-tuning makes it forget much of what it learned before.', 'fine-tuning')}{' '}
        {withTerms(aboutMethod(method), 'direction')} When the run has ended, you can train the same {withOther} and see
        both side by side.
      </p>
      <ol className={styles.tasks}>
        {cards.map(({ name, question, labels }, index) => (
          <li key={name} className={styles.task}>
            <span className="muted">{index + 1}</span>
            <h3>{visibleText(name, 60)}</h3>
            <p className={styles.question}>{question}</p>
            {labels.length > 0 && (
              <p className={`muted small ${styles.labels}`}>{visibleText(labels.join(', '), 400)}</p>
            )}
          </li>
        ))}
      </ol>
      <dl className={`small ${styles.views}`}>
        <div>
          <dt>Run</dt>
          <dd>The loss of every step, and an accuracy matrix that fills in row by row as tasks are learned.</dd>
        </div>
        <div>
          <dt>Ranks</dt>
          <dd>
            The directions each layer reserves for earlier tasks, the room left, and the share of each gradient removed.
          </dd>
        </div>
        <div>
          <dt>Try it</dt>
          <dd>The model’s answers to your sentence, before training and after every task.</dd>
        </div>
        <div>
          <dt>Results</dt>
          <dd>Your runs beside the published averages, and every number as a JSON file.</dd>
        </div>
      </dl>
    </div>
  );
}
