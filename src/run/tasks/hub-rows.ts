import { readParquetFiles, type TableFile } from '../../tasks/table.ts';
import type { HubAccess } from '../../weights/hub.ts';
import {
  chosenSplit,
  type HubDataset,
  type HubSource,
  hubSourceText,
  listDataset,
  type SplitChoice,
  sourceHash,
  splitFiles,
} from '../../weights/hub-dataset.ts';

/**
 * Reads the first rows of a split of a data set on the hub, by range.
 *
 * @throws GorpError `weights/…`, `tasks/choose-split`, and as `readParquetFiles`.
 */
export async function readHubRows(
  dataset: HubDataset,
  choice: SplitChoice,
  rows: number,
  access: HubAccess,
): Promise<TableFile> {
  const split = chosenSplit(dataset, choice);
  const { id, commit } = dataset;
  const source = { id, commit, config: split.config, split: split.split, rows };
  const name = hubSourceText(source);
  return readParquetFiles(splitFiles(dataset, split, access), { name, sha256: await sourceHash(source) }, rows);
}

/** The same of rows that a task names. @throws GorpError as {@link readHubRows}. */
export async function readHubSource({ id, commit, rows, ...choice }: HubSource, access: HubAccess): Promise<TableFile> {
  return readHubRows(await listDataset(id, access, { commit }), choice, rows, access);
}
