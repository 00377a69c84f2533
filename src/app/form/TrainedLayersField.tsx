import { Fragment, useId } from 'react';
import type { RunSettings } from '../../run/settings/settings.ts';
import {
  FAMILY_MODULES,
  firstTrained,
  type ModelModules,
  MODULE_SETTINGS,
  type Role,
  ROLES,
  rolesOf,
} from '../../run/settings/trained-modules.ts';
import { usePage, usePageState } from '../state/page-context.tsx';
import styles from './form.module.css';

/** How a module is trained: in one of the method's ways, or not at all. */
type Training = Role | 'frozen';

/** The modules trained in one way: those that the settings name, otherwise the family's defaults. */
const modulesFor = ({ training }: RunSettings, { defaults }: ModelModules, role: Role): readonly string[] =>
  training[MODULE_SETTINGS[role]] ?? defaults[role];

/** How a draft trains a module. */
export const trainingOf = (draft: RunSettings, model: ModelModules, name: string): Training =>
  rolesOf(draft).find((role) => modulesFor(draft, model, role).includes(name)) ?? 'frozen';

/** A draft with one module trained another way. A choice equal to the family's defaults is stored as null. */
export function withTraining(draft: RunSettings, model: ModelModules, name: string, as: Training): RunSettings {
  const training = { ...draft.training };
  for (const role of rolesOf(draft)) {
    const chosen = new Set(modulesFor(draft, model, role));
    if (as === role) chosen.add(name);
    else chosen.delete(name);
    const names = model.modules.flatMap((module) => (chosen.has(module.name) ? [module.name] : []));
    training[MODULE_SETTINGS[role]] = names.join() === model.defaults[role].join() ? null : names;
  }
  return { ...draft, training };
}

/** A draft that trains every layer: those that were frozen in the method's first way. */
export const withAllLayers = (draft: RunSettings, model: ModelModules): RunSettings =>
  model.modules
    .filter(({ name }) => trainingOf(draft, model, name) === 'frozen')
    .reduce((now, { name }) => withTraining(now, model, name, rolesOf(draft)[0]), draft);

/** A draft with the default layers of its model's family. */
export const withOwnLayers = (draft: RunSettings): RunSettings => ({
  ...draft,
  training: { ...draft.training, ...FAMILY_MODULES },
});

/** Whether a draft names layers instead of using the family's defaults. */
export const namesLayers = ({ training }: RunSettings): boolean =>
  ROLES.some((role) => training[MODULE_SETTINGS[role]] !== null);

/** A module's name without the parts that all names share: `self_attn.q_proj`, `encoder.SelfAttention.q`. */
export const shortName = (name: string): string => name.replace(/\.(block|layers?)\.\*/g, '').replace(/^model\./, '');

/** How many layers a draft trains in each of the method's ways: `12 with LoRA, 6 full-rank`. */
export const layersInWords = (draft: RunSettings, model: ModelModules): string =>
  rolesOf(draft)
    .map((role) => {
      const names = modulesFor(draft, model, role);
      const layers = model.modules
        .filter((one) => names.includes(one.name))
        .reduce((sum, one) => sum + one.layers - firstTrained(one, draft), 0);
      return `${layers} ${role === 'lora' ? 'with LoRA' : 'full-rank'}`;
    })
    .join(', ');

const WORDS: Readonly<Record<Training, string>> = { lora: 'LoRA', fullRank: 'full-rank', frozen: 'frozen' };

/** Which layers of the model are trained, and how. The family's defaults apply until others are chosen. */
export function TrainedLayersField({ issue }: { issue: string | undefined }) {
  const { edit } = usePage();
  const draft = usePageState((state) => state.draft);
  const model = usePageState((state) => state.modelModules);
  const id = useId();
  const ways: readonly Training[] = [...rolesOf(draft), 'frozen'];
  return (
    <section className="stack" aria-labelledby={id} data-testid="trained-layers">
      <h2 id={id} className="label">
        Trained layers
      </h2>
      {model === null ? (
        <p className="help">Listed once the model’s config is known.</p>
      ) : (
        <details className="more">
          <summary data-testid="trained-layers-summary">{layersInWords(draft, model)}</summary>
          <table className={`table ${styles.plain}`}>
            <caption className="hidden-visually">Layers of the model, and how each is trained</caption>
            <thead>
              <tr>
                <th scope="col">Layers</th>
                <th scope="col" className="number">
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
                    <span className="second">
                      {out} × {inputs}
                    </span>
                  </th>
                  <td className="number">{layers}</td>
                  <td>
                    <select
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
        <p className="help bad" role="status">
          {issue}
        </p>
      )}
      {model?.modules.some(({ name }) => trainingOf(draft, model, name) === 'frozen') === true && (
        <button
          type="button"
          className="link small"
          data-testid="all-layers"
          onClick={() => edit((now) => withAllLayers(now, model))}
        >
          Train all linear layers
        </button>
      )}
      {namesLayers(draft) && (
        <button type="button" className="link small" onClick={() => edit(withOwnLayers)}>
          Train the default layers instead
        </button>
      )}
    </section>
  );
}
