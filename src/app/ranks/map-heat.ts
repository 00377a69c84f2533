import { whole } from '../format.ts';
import type { MapCell } from './map-lines.ts';

/** What the colour of a cell means. */
export type Heat = 'added' | 'room';

/** Strength of a cell's colour, in [0, 1]. @param most highest rank that any round added to any tensor. */
export const heatShare = ({ added, room }: MapCell, heat: Heat, most: number): number =>
  heat === 'added' ? added / most : Math.max(0, room);

/** The number in a heat map cell: the rank added, or the room left in percent. */
export const heatText = ({ added, room }: MapCell, heat: Heat): string =>
  heat === 'added' ? whole(added) : whole(100 * room);
