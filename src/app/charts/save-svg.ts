import type { ReactElement } from 'react';
import { flushSync } from 'react-dom';
import { createRoot } from 'react-dom/client';
import { download } from '../download.ts';

const SVG = 'http://www.w3.org/2000/svg';
/** What the page's style sheets say of a drawing, written into it: a file has no style sheets. */
const STYLES = [
  'fill',
  'fill-opacity',
  'stroke',
  'stroke-width',
  'stroke-dasharray',
  'stroke-linecap',
  'stroke-linejoin',
  'stroke-opacity',
  'opacity',
  'font-size',
  'font-weight',
  'text-anchor',
  'visibility',
  'paint-order',
] as const;
const COLORS: readonly string[] = ['fill', 'stroke'];
const DROPPED = new Set(['class', 'style', 'role', 'aria-label', 'aria-hidden', 'tabindex']);

/** Hands a drawing of the page to the browser's downloads, as it looks now. @param name without its end. */
export const saveSvg = (name: string, drawing: SVGSVGElement): void =>
  download(new Blob([svgText(drawing)], { type: 'image/svg+xml' }), `${name}.svg`);

/**
 * A drawing that is on the page as a file of its own.
 *
 * It is built anew, not cloned: the page's policy lets no style attribute in.
 */
export function svgText(drawing: SVGSVGElement): string {
  const toRgb = colorReader();
  const [width, height] = [drawing.width.baseVal.value, drawing.height.baseVal.value];
  const root = copyOf(drawing, toRgb);
  root.setAttribute('viewBox', `0 0 ${Math.round(width)} ${Math.round(height)}`);
  root.setAttribute('font-family', getComputedStyle(drawing).fontFamily);
  const label = drawing.getAttribute('aria-label');
  const ground = document.createElementNS(SVG, 'rect');
  ground.setAttribute('width', '100%');
  ground.setAttribute('height', '100%');
  ground.setAttribute('fill', toRgb(getComputedStyle(document.body).backgroundColor));
  root.prepend(ground);
  if (label !== null) {
    const title = document.createElementNS(SVG, 'title');
    title.textContent = label;
    root.prepend(title);
  }
  return `<?xml version="1.0" encoding="UTF-8"?>\n${new XMLSerializer().serializeToString(root)}\n`;
}

/** Draws something that the page shows otherwise (on a canvas, as a table), hands it to `take`, and takes it away. */
export function withDrawing(figure: ReactElement, take: (drawing: SVGSVGElement) => void): void {
  const host = document.createElement('div');
  host.className = 'hidden-visually';
  host.setAttribute('aria-hidden', 'true');
  document.body.append(host);
  const root = createRoot(host);
  try {
    flushSync(() => root.render(figure));
    const drawing = host.querySelector('svg');
    if (drawing !== null) take(drawing);
  } finally {
    root.unmount();
    host.remove();
  }
}

function copyOf(element: Element, toRgb: (color: string) => string): Element {
  const copy = document.createElementNS(SVG, element.localName);
  for (const { name, value } of element.attributes)
    if (!DROPPED.has(name) && !name.startsWith('data-')) copy.setAttribute(name, value);
  const style = getComputedStyle(element);
  for (const property of STYLES) {
    const value = style.getPropertyValue(property);
    if (value !== '') copy.setAttribute(property, COLORS.includes(property) ? toRgb(value) : value);
  }
  for (const child of element.childNodes) {
    if (child instanceof Element) copy.append(copyOf(child, toRgb));
    else if (child instanceof Text) copy.append(child.data);
  }
  return copy;
}

/** Turns what browsers compute of `color-mix` and `light-dark` into what every program that reads SVG knows. */
function colorReader(): (color: string) => string {
  const canvas = document.createElement('canvas');
  canvas.width = canvas.height = 1;
  const context = canvas.getContext('2d', { willReadFrequently: true });
  const known = new Map<string, string>();
  return (color) => {
    if (context === null || color === 'none' || /^rgba?\(/.test(color)) return color;
    const found = known.get(color);
    if (found !== undefined) return found;
    context.clearRect(0, 0, 1, 1);
    context.fillStyle = color;
    context.fillRect(0, 0, 1, 1);
    const [red, green, blue] = context.getImageData(0, 0, 1, 1).data;
    const rgb = `rgb(${red}, ${green}, ${blue})`;
    known.set(color, rgb);
    return rgb;
  };
}
