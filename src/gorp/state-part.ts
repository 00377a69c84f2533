import { GorpError } from '../base/errors.ts';

/** Numbers in the type of their origin: f32 on a device, f64 on the host. Saving rounds nothing. */
export type StateNumbers = Float32Array<ArrayBuffer> | Float64Array<ArrayBuffer>;

/** A matrix of a learner's state, row-major. */
export interface StateMatrix {
  readonly rows: number;
  readonly columns: number;
  readonly data: StateNumbers;
}

/** A matrix of a learner's state that is not in memory; it is read on demand. */
export interface StateSource extends Omit<StateMatrix, 'data'> {
  readonly name: string;
  readonly dtype: 'F32' | 'F64';
  readonly read: () => Promise<StateNumbers>;
}

/** A matrix on the device that a step depends on: read to save the state, and written to resume it. */
export interface StatePart extends StateSource {
  readonly dtype: 'F32';
  write(values: Float32Array<ArrayBuffer>): void;
}

/** A saved state: its matrices by name. */
export interface SavedMatrices {
  readonly names: readonly string[];
  /** Undefined if no matrix has the name. */
  read(name: string): Promise<StateMatrix | undefined>;
}

/** @throws GorpError `run/checkpoint-does-not-fit` if a matrix is missing, or its size or type differs. */
export async function readPart(
  { name, rows, columns }: Pick<StateSource, 'name' | 'rows' | 'columns'>,
  saved: SavedMatrices,
): Promise<Float32Array<ArrayBuffer>> {
  const found = await saved.read(name);
  if (found?.rows === rows && found.columns === columns && found.data instanceof Float32Array) return found.data;
  const what = found === undefined ? 'not saved' : `saved as [${found.rows}, ${found.columns}]`;
  throw new GorpError(
    'run/checkpoint-does-not-fit',
    `The checkpoint does not fit this run: ${name} is ${what}, but [${rows}, ${columns}] is needed.`,
    'Resume with the model, the method and the settings of the run that saved it, or start again.',
  );
}
