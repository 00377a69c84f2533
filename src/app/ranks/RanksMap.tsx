import { useMemo } from 'react';
import { percent } from '../format.ts';
import { usePage, usePageState } from '../page-context.tsx';
import { layerLines, lineOf, shortName, type TensorRow } from './ranks.ts';
import styles from './RanksMap.module.css';
import { Sparkline } from './Sparkline.tsx';

interface Props {
  rows: readonly TensorRow[];
  selected: { name: string; round: number } | null;
}

const PARTS: Record<TensorRow['part'], string> = { lora: 'Adapters, A', 'full-rank': 'Full-rank weights, W' };

/** Percent; empty while there is nothing to be kept out of. */
const shareText = (share: number | null | undefined): string =>
  typeof share === 'number' ? `${percent(share)} %` : '';

/** Layers × rounds: rank added, share of the dimension held, room left; what is taken from gradients and comes back. */
export function RanksMap({ rows, selected }: Props) {
  const { look } = usePage();
  const order = usePageState(({ run, draft }) => run.settings?.order ?? draft.order);
  const steps = usePageState(({ run }) => run.plan?.stepsPerRound.reduce((sum, count) => sum + count, 0) ?? 0);
  const samples = usePageState(({ run }) => run.layerSamples);
  const lines = useMemo(() => layerLines(samples), [samples]);
  const parts = (['lora', 'full-rank'] as const).filter((part) => rows.some((row) => row.part === part));
  return (
    <div className={styles.scroll}>
      <table className={styles.map} data-testid="ranks-map">
        <caption className="hidden-visually">
          Rank that each task added to the shared space of each layer, the room left, the share of the latest gradient
          that was projected away, and the share of the update that leaked back in.
        </caption>
        <thead>
          <tr>
            <th scope="col">Layer</th>
            {order.map((name, i) => (
              <th key={name} scope="col" className={styles.roundHead}>
                <span className={styles.roundNumber}>{i + 1}</span> {name}
              </th>
            ))}
            <th scope="col" className={styles.number}>
              Room left
            </th>
            <th scope="col" colSpan={2} className={styles.away}>
              Projected away
            </th>
            <th scope="col" className={styles.number}>
              Leakage
            </th>
          </tr>
        </thead>
        {parts.map((part) => (
          <tbody key={part}>
            <tr>
              <th scope="rowgroup" colSpan={order.length + 5} className={styles.part}>
                {PARTS[part]}
              </th>
            </tr>
            {rows
              .filter((row) => row.part === part)
              .map((row) => {
                const line = lines.get(row.name) ?? [];
                const latest = line.at(-1);
                return (
                  <tr key={row.name}>
                    <th scope="row" title={row.name}>
                      {shortName(row.name)}
                    </th>
                    {row.rounds.map((space, i) => (
                      <td key={i} className={styles.cell}>
                        {space !== undefined && (
                          <button
                            type="button"
                            className={styles.space}
                            aria-pressed={selected?.name === row.name && selected.round === i + 1}
                            aria-label={`${shortName(row.name)}, ${order[i] ?? ''}: ${space.added} added, ${space.total} of ${space.dimension} held`}
                            onClick={() => look({ selected: { name: row.name, round: i + 1 } })}
                          >
                            <span
                              className={styles.held}
                              data-full={space.total >= space.dimension}
                              style={{ width: `${(100 * space.total) / space.dimension}%` }}
                            />
                            <span className={styles.added}>+{space.added}</span>
                            <span className={styles.total}>{space.total}</span>
                          </button>
                        )}
                      </td>
                    ))}
                    <td className={styles.number}>
                      {row.full ? (
                        <span className={styles.none}>full</span>
                      ) : (
                        <>
                          {row.dimension - row.total} <span className={styles.of}>of {row.dimension}</span>
                        </>
                      )}
                    </td>
                    <td className={styles.number}>{shareText(latest?.projectedAway)}</td>
                    <td className={styles.spark}>
                      <Sparkline points={lineOf(line, 'projectedAway')} steps={steps} />
                    </td>
                    <td className={styles.number}>{shareText(latest?.leakage)}</td>
                  </tr>
                );
              })}
          </tbody>
        ))}
      </table>
    </div>
  );
}
