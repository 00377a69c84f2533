import { NONE } from '../../ui/format.ts';
import { Section } from '../../ui/Section.tsx';
import styles from './results.module.css';

/** Averages that a paper or a study of this project reports, to compare with a user's own: docs/method.md, section 6. */
interface PublishedAverages {
  readonly name: string;
  readonly about: string;
  readonly columns: readonly string[];
  /** A method and its values in percent or points, one for each column; null if the source has none. */
  readonly rows: readonly (readonly [method: string, ...values: (number | null)[]])[];
  readonly source: string;
}

const PUBLISHED: readonly PublishedAverages[] = [
  {
    name: 'CL_Benchmark',
    about: 'AP by exact match in percent, on 4 datasets (orders 1–3) or 15 (orders 4–6).',
    columns: ['T5-large, orders 1–3', 'T5-large, orders 4–6', 'LLaMA2-7B, orders 1–3', 'BWT, LLaMA2-7B'],
    rows: [
      ['O-LoRA', 75.8, 69.6, 76.1, -7.8],
      ['MIGU', 76.6, 70.0, null, null],
      ['N-LoRA', 78.8, 72.4, 77.6, -4.9],
      ['GORP', 79.8, 76.0, 78.6, -0.8],
      ['Multi-task (upper bound)', 80.0, null, null, null],
    ],
    source: 'Wang, Lyu, Sun and Jing: Continual Gradient Low-Rank Projection Fine-Tuning for LLMs, ACL 2025.',
  },
  {
    name: 'SuperNI',
    about:
      'AP by ROUGE-L in percent and forgetting in points, on 15 tasks (two orders); and AP by exact match on 15 datasets of CL_Benchmark.',
    columns: ['AP, T5-large', 'Forgetting', 'AP, LLaMA2-7B', 'Forgetting', 'CL_Benchmark, T5-large'],
    rows: [
      ['O-LoRA', 29.6, 15.6, 38.5, 18.0, 71.1],
      ['InfLoRA', 39.7, 8.3, 41.4, 13.1, 75.5],
      ['GainLoRA on O-LoRA', 47.3, 2.6, 51.1, 5.3, null],
      ['GainLoRA on InfLoRA', 46.3, 2.5, 50.7, 3.8, 77.8],
    ],
    source:
      'Liang, Chen and Li: Gated Integration of Low-Rank Adaptation for Continual Learning of Large Language Models, NeurIPS 2025. Best checkpoints of up to 100 passes, chosen on dev sets.',
  },
  {
    name: 'SmolLM2-135M',
    about:
      'AP by exact match in percent, on SST-2, dbpedia, agnews and yelp of CL_Benchmark in this order and its reverse, six seeds each, 128 training examples a task, rank 8.',
    columns: ['AP', 'BWT', 'Just learned'],
    rows: [
      ['gpm', 69.8, -0.5, 70.1],
      ['gorp-plus', 68.8, -1.3, 69.8],
      ['inf-lora', 55.9, -5.5, 60.0],
      ['gain-lora', 53.4, 0.3, 53.2],
    ],
    source: 'The study of this project on a pre-trained model: docs/studies/real.md in its repository.',
  },
];

const fixed = (value: number | null): string => (value === null ? NONE : value.toFixed(1).replace('-', '\u2212'));

/** The published averages of docs/method.md, section 6. */
export function PublishedTables() {
  return (
    <Section
      title="Published averages"
      note="Means over task orders. Compare them only with runs of these models on these tasks: the embedded models are far smaller."
    >
      {PUBLISHED.map((averages) => (
        <AveragesTable key={averages.name} {...averages} />
      ))}
    </Section>
  );
}

function AveragesTable({ name, about, columns, rows, source }: PublishedAverages) {
  return (
    <div className={styles.averages}>
      <p className="about">
        {name}: {about}
      </p>
      <div className="scroll" tabIndex={0} role="region" aria-label={`Table of published averages, ${name}`}>
        <table className={`table ${styles.published}`} data-testid="published">
          <caption className="hidden-visually">Published averages, {name}</caption>
          <thead>
            <tr>
              <th scope="col">Method</th>
              {columns.map((column, i) => (
                <th key={i} scope="col" className="number">
                  {column}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map(([method, ...values]) => (
              <tr key={method}>
                <th scope="row">{method}</th>
                {values.map((value, i) => (
                  <td key={i} className="number">
                    {fixed(value)}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <p className={`help ${styles.source}`}>{source}</p>
    </div>
  );
}
