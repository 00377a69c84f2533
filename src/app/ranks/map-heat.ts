import { whole } from '../format.ts';
import type { MapCell } from './map-lines.ts';

/** What the colour of a cell stands for. */
export type Heat = 'added' | 'room';

/** How strong the colour of a cell is, in [0, 1]. @param most rank that any round added to any tensor. */
export const heatShare = ({ added, room }: MapCell, heat: Heat, most: number): number =>
  heat === 'added' ? added / most : Math.max(0, room);

/** The number in a cell that has room for one: the rank added, or the room left in percent. */
export const heatText = ({ added, room }: MapCell, heat: Heat): string =>
  heat === 'added' ? whole(added) : whole(100 * room);
