import { type Place, type Report, tunedDevice } from '../bench.ts';
import { blockSection } from '../sections/block.ts';
import { learnEmbeddedOrder } from './embedded-order.ts';
import { measureProducts } from './products.ts';
import { measurePyTorch } from './pytorch.ts';
import { measureSubject, nameOf, SUBJECTS } from './random-models.ts';
import { compareWithReferences } from './references.ts';

/** A part of the benchmark. */
export interface Part {
  readonly name: string;
  /** Whether it also runs on an adapter that computes on the CPU. */
  readonly onSoftware: boolean;
  /** @returns undefined if there is nothing to run. */
  readonly run: (place: Place, isSoftware: boolean) => Promise<Report | undefined>;
}

const EFFORT = { rounds: 3, quick: true } as const;

const onCard = (name: string, run: Part['run']): Part => ({ name, onSoftware: false, run });

/** All parts, in the order in which they run: if time runs out, the last ones are left out. */
export const PARTS: readonly Part[] = [
  onCard('kernels against references', withDevice(compareWithReferences)),
  onCard('products', measureProducts),
  onCard('encoder block', (place) => blockSection(place, EFFORT)),
  {
    name: 'embedded model',
    onSoftware: true,
    run: (place, isSoftware) => learnEmbeddedOrder(place, isSoftware ? 'quick' : 'full'),
  },
  onCard('PyTorch', measurePyTorch),
  ...SUBJECTS.map((subject) => onCard(nameOf(subject), (place) => measureSubject(place, subject))),
];

function withDevice(run: (device: Awaited<ReturnType<typeof tunedDevice>>) => Promise<Report>): Part['run'] {
  return async (place) => {
    const device = await tunedDevice(place);
    try {
      return await run(device);
    } finally {
      await device.destroy();
    }
  };
}
