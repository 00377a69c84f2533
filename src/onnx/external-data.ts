import { GorpError, REPORT_BUG } from '../base/errors.ts';
import { formatBytes } from '../base/units.ts';
import type { OutputFile } from '../weights/exports/output-file.ts';
import { ELEMENT, type Element, type ExternalPlace } from './onnx-messages.ts';

/** ONNX aligns tensors to pages so that a reader can map the file (docs/ExternalData.md). */
const ALIGNMENT = 4096;
/** A browser reads each file into one ArrayBuffer, and not every browser allows 2 GiB or more. */
const MAX_FILE_BYTES = 2 ** 31 - ALIGNMENT;

/** A tensor in a data file of its model. */
export interface DataTensor {
  name: string;
  element: Element;
  shape: readonly number[];
}

/** Tensors made together, such as the numbers and the scales of one quantized matrix. */
export interface DataGroup {
  tensors: readonly DataTensor[];
  /** Makes their content, in order, as it is written. */
  make: () => Promise<readonly ArrayBufferView[]>;
}

/** A data file of a model. */
export interface DataFile extends OutputFile {
  /** Whether it holds exactly the tensors stored apart from the others. */
  readonly isApart: boolean;
}

interface PlacedGroup {
  group: DataGroup;
  places: readonly ExternalPlace[];
}

/** How tensors are assigned to files. */
interface DataLayout {
  /** Whether the tensor of this name is in separate files, after those of the rest. */
  isApart?: ((tensor: string) => boolean) | undefined;
  /** Maximum bytes per file. */
  maxBytes?: number;
}

export const bytesOf = ({ element, shape }: DataTensor): number =>
  shape.reduce((product, size) => product * size, ELEMENT[element].bytes);

/**
 * Assigns tensors to data files: `model.onnx_data`, then `model.onnx_data_1` and so on, each below 2 GiB.
 *
 * @param model the name of the model's file, `model.onnx`.
 * @throws GorpError `weights/onnx-tensor-too-large` if a group does not fit into a file.
 */
export function layOutData(
  model: string,
  groups: readonly DataGroup[],
  { isApart = () => false, maxBytes = MAX_FILE_BYTES }: DataLayout = {},
): { places: ReadonlyMap<string, ExternalPlace>; files: DataFile[] } {
  const files: { location: string; isApart: boolean; groups: PlacedGroup[] }[] = [];
  const places = new Map<string, ExternalPlace>();
  let end = 0;
  const liesApart = ({ tensors }: DataGroup): boolean => isApart(tensors[0].name);
  for (const group of [...groups.filter((one) => !liesApart(one)), ...groups.filter(liesApart)]) {
    const apart = liesApart(group);
    if (files.at(-1)?.isApart !== apart || (end > 0 && placesIn('', end, group).end > maxBytes)) {
      const location = `${model}_data${files.length === 0 ? '' : `_${files.length}`}`;
      files.push({ location, isApart: apart, groups: [] });
      end = 0;
    }
    const file = files[files.length - 1];
    const placed = placesIn(file.location, end, group);
    if (placed.end > maxBytes) throw tooLarge(group, placed.end, maxBytes);
    file.groups.push({ group, places: placed.places });
    group.tensors.forEach(({ name }, i) => places.set(name, placed.places[i]));
    end = placed.end;
  }
  return {
    places,
    files: files.map(({ location, isApart, groups }) => ({
      path: location,
      isApart,
      content: () => contentOf(groups),
    })),
  };
}

/** The places of a group's tensors in a file that is filled up to `begin`. */
function placesIn(location: string, begin: number, { tensors }: DataGroup): { places: ExternalPlace[]; end: number } {
  let end = begin;
  const places = tensors.map((tensor) => {
    const offset = Math.ceil(end / ALIGNMENT) * ALIGNMENT;
    const length = bytesOf(tensor);
    end = offset + length;
    return { location, offset, length };
  });
  return { places, end };
}

/** The bytes of a file, one group of tensors after another: only one is in memory. */
async function* contentOf(groups: readonly PlacedGroup[]): AsyncGenerator<Uint8Array> {
  let at = 0;
  for (const { group, places } of groups) {
    const contents = await group.make();
    for (const [i, { offset, length }] of places.entries()) {
      const content = contents[i];
      if (content.byteLength !== length) {
        throw new GorpError(
          'internal/tensor-size',
          `Tensor ${group.tensors[i].name} has ${content.byteLength} bytes to write, not ${length}.`,
          REPORT_BUG,
        );
      }
      if (offset > at) yield new Uint8Array(offset - at);
      yield new Uint8Array(content.buffer, content.byteOffset, length);
      at = offset + length;
    }
  }
}

const tooLarge = ({ tensors }: DataGroup, bytes: number, maxBytes: number): GorpError =>
  new GorpError(
    'weights/onnx-tensor-too-large',
    `${tensors[0].name} takes ${formatBytes(bytes)}, but a data file of an ONNX model may have at most ${formatBytes(maxBytes)}.`,
    'Export as f16, which takes half, or choose a smaller model.',
  );
