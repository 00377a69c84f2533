const HUES = 7;
const DASHES = ['', '6 3', '2 3'];

/** Colour of a series as a custom property; after seven, colours repeat with another dash. */
export const seriesColor = (index: number): string => `var(--series-${index % HUES})`;

/** Dash pattern of a series; '' for a solid line. */
export const seriesDash = (index: number): string => DASHES[Math.floor(index / HUES) % DASHES.length] ?? '';
