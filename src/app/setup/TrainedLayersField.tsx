import { Fragment, useId } from 'react';
import { rolesOf } from '../../run/settings/trained-modules.ts';
import { usePage, usePageState } from '../page-context.tsx';
import fields from './field.module.css';
import {
  layersInWords,
  namesLayers,
  shortName,
  type Training,
  trainingOf,
  withAllLayers,
  withOwnLayers,
  withTraining,
} from './trained-layers.ts';
import styles from './TrainedLayersField.module.css';

const WORDS: Readonly<Record<Training, string>> = { lora: 'LoRA', fullRank: 'full-rank', frozen: 'frozen' };

/** Which layers of the model are trained, and how. The family's defaults apply until others are chosen. */
export function TrainedLayersField({ issue }: { issue: string | undefined }) {
  const { edit } = usePage();
  const draft = usePageState((state) => state.draft);
  const model = usePageState((state) => state.modelModules);
  const id = useId();
  const ways: readonly Training[] = [...rolesOf(draft), 'frozen'];
  return (
    <section className={styles.layers} aria-labelledby={id} data-testid="trained-layers">
      <h2 id={id} className={styles.title}>
        Trained layers
      </h2>
      {model === null ? (
        <p className={fields.help}>Listed once the model’s config is known.</p>
      ) : (
        <details className={styles.details}>
          <summary data-testid="trained-layers-summary">{layersInWords(draft, model)}</summary>
          <table className={styles.table}>
            <caption className="hidden-visually">Layers of the model, and how each is trained</caption>
            <thead>
              <tr>
                <th scope="col">Layers</th>
                <th scope="col" className={styles.count}>
                  Count
                </th>
                <th scope="col">Training</th>
              </tr>
            </thead>
            <tbody>
              {model.modules.map(({ name, layers, out, inputs }) => (
                <tr key={name} data-module={name}>
                  <th scope="row" title={name}>
                    <code>
                      {shortName(name)
                        .split(/(?<=\.)/)
                        .map((part) => (
                          <Fragment key={part}>
                            {part}
                            <wbr />
                          </Fragment>
                        ))}
                    </code>
                    <span className={styles.shape}>
                      {out} × {inputs}
                    </span>
                  </th>
                  <td className={styles.count}>{layers}</td>
                  <td>
                    <select
                      className={fields.select}
                      aria-label={`Training of ${shortName(name)}`}
                      value={trainingOf(draft, model, name)}
                      onChange={({ target }) => {
                        const way = ways.find((one) => one === target.value);
                        if (way !== undefined) edit((now) => withTraining(now, model, name, way));
                      }}
                    >
                      {ways.map((way) => (
                        <option key={way} value={way}>
                          {WORDS[way]}
                        </option>
                      ))}
                    </select>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </details>
      )}
      {issue !== undefined && (
        <p className={fields.issue} role="status">
          {issue}
        </p>
      )}
      {model?.modules.some(({ name }) => trainingOf(draft, model, name) === 'frozen') === true && (
        <button
          type="button"
          className={fields.link}
          data-testid="all-layers"
          onClick={() => edit((now) => withAllLayers(now, model))}
        >
          Train all linear layers
        </button>
      )}
      {namesLayers(draft) && (
        <button type="button" className={fields.link} onClick={() => edit(withOwnLayers)}>
          Train the default layers instead
        </button>
      )}
    </section>
  );
}
