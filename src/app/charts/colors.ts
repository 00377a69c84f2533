const HUES = 7;
const DASHES = ['', '6 3', '2 3'];

/** Colour of a series as a custom property; after seven, colours repeat with another dash. */
export const seriesColor = (index: number): string => `var(--series-${index % HUES})`;

/** Dash pattern of a series; '' for a solid line. */
export const seriesDash = (index: number): string => DASHES[Math.floor(index / HUES) % DASHES.length] ?? '';

/** The current value of a colour property on an element, for a canvas, which cannot read custom properties. */
export function resolvedColor(element: HTMLElement, property: string): string {
  const probe = document.createElement('span');
  probe.style.color = `var(${property})`;
  probe.style.display = 'none';
  element.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}
