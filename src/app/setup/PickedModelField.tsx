import { modelFilesOf } from '../../weights/picked-folder.ts';
import { bytes } from '../format.ts';
import { type Picked, pickedFrom } from '../models/picked-files.ts';
import { usePage, usePageState } from '../page-context.tsx';
import styles from './field.module.css';

interface PickedProps {
  issue: string | undefined;
}

/** A model folder, or its files, picked or dropped; read in place. */
export function PickedModelField({ issue }: PickedProps) {
  const { takeModel } = usePage();
  const name = usePageState(({ draft }) => draft.model.slice('picked:'.length));
  const files = usePageState(({ access }) => access.picked.get(name));
  const checking = usePageState(({ checkingModel }) => checkingModel);
  const take = (picked: Picked | null): void => {
    if (picked !== null) void takeModel(picked);
  };
  const used = modelFilesOf(files ?? []);
  return (
    <div className={styles.drop} data-testid="model-drop">
      <p>
        {checking !== null
          ? `Checking the files of ${checking}…`
          : used.length === 0
            ? 'Drop a model folder or GGUF file here, or'
            : `${name}: ${used.length} ${used.length === 1 ? 'file' : 'files'}, ${bytes(used.reduce((sum, { blob }) => sum + blob.size, 0))}`}
      </p>
      <div className={styles.picks}>
        <label className={styles.pick}>
          Choose a folder
          <input
            type="file"
            className="hidden-visually"
            data-testid="pick-model-folder"
            {...{ webkitdirectory: '' }}
            onChange={({ target }) => take(pickedFrom(target.files ?? []))}
          />
        </label>
        <label className={styles.pick}>
          Choose files
          <input
            type="file"
            className="hidden-visually"
            data-testid="pick-model-files"
            multiple
            onChange={({ target }) => take(pickedFrom(target.files ?? []))}
          />
        </label>
      </div>
      <p className={issue === undefined || name === '' ? styles.help : styles.issue}>
        {issue === undefined || name === ''
          ? 'config.json, tokenizer.json, tokenizer_config.json and model.safetensors or its shards; or a GGUF file. Read in place, never uploaded.'
          : issue}
      </p>
    </div>
  );
}
