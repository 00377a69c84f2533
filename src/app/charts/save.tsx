import { createContext, type ReactElement, useContext, useState } from 'react';
import { flushSync } from 'react-dom';
import { createRoot } from 'react-dom/client';
import { type Cell, csvLine, shownText } from '../../base/visible.ts';
import { LETTER } from '../../charts/axis.ts';
import { Act } from '../ui/controls.tsx';
import { download } from '../ui/download.ts';
import styles from './charts.module.css';

/** The numbers of a chart as a table: unrounded, null where nothing was measured. */
export interface ChartNumbers {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly Cell[])[];
}

/** A table as CSV with a header. */
export const csvOf = ({ columns, rows }: ChartNumbers): string => [columns, ...rows].map(csvLine).join('');

const SVG = 'http://www.w3.org/2000/svg';
/** Style properties that are copied into the file, which has no style sheet. */
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
/** Characters that no XML can hold, not even escaped; names in a results file can have them. */
const NOT_IN_XML = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff\p{Cs}]/gu;
const DROPPED = new Set(['class', 'style', 'role', 'aria-label', 'aria-hidden', 'tabindex']);

/** The method that the charts within it show, for the titles and names of saved pictures; of several, all of them. */
export const Pictured = createContext('');

/** A picture that can be saved: its SVG and its size in pixels. */
interface Picture {
  readonly svg: Blob;
  readonly width: number;
  readonly height: number;
}

/** Pixels of a PNG for each of the drawing's, so that it is sharp in print. */
const SHARPNESS = 2;

/** @returns null if the browser cannot draw a picture of this size. */
async function pngOf({ svg, width, height }: Picture): Promise<Blob | null> {
  const url = URL.createObjectURL(svg);
  try {
    const image = new Image();
    image.src = url;
    await image.decode();
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [SHARPNESS * width, SHARPNESS * height];
    const context = canvas.getContext('2d');
    if (context === null) return null;
    context.drawImage(image, 0, 0, canvas.width, canvas.height);
    return await new Promise((resolve) => canvas.toBlob(resolve, 'image/png'));
  } finally {
    URL.revokeObjectURL(url);
  }
}

const TITLE = { line: 18, size: 13, left: 4 };

/** A text in lines of at most so many letters; a longer word has a line of its own. */
export function wrapped(text: string, letters: number): string[] {
  return text.split(' ').reduce<string[]>((lines, word) => {
    const longer = `${lines.at(-1) ?? ''} ${word}`;
    return lines.length > 0 && longer.length <= letters ? [...lines.slice(0, -1), longer] : [...lines, word];
  }, []);
}

/**
 * A drawing on the page as it looks now, with its whole title above it.
 *
 * The drawing is rebuilt, not cloned, because the page's security policy forbids style attributes.
 */
function pictureOf(drawing: SVGSVGElement, heading: string): Picture {
  const toRgb = colorReader();
  const [width, below] = [drawing.width.baseVal.value, drawing.height.baseVal.value].map(Math.round);
  const root = copyOf(drawing, toRgb);
  const lines = wrapped(shownText(heading), Math.floor((width - TITLE.left) / (1.15 * LETTER)));
  const top = TITLE.line * lines.length + TITLE.left;
  const height = top + below;
  root.setAttribute('width', String(width));
  root.setAttribute('height', String(height));
  root.setAttribute('viewBox', `0 ${-top} ${width} ${height}`);
  root.setAttribute('font-family', getComputedStyle(drawing).fontFamily);
  const label = drawing.getAttribute('aria-label');
  const ground = document.createElementNS(SVG, 'rect');
  ground.setAttribute('y', String(-top));
  ground.setAttribute('width', '100%');
  ground.setAttribute('height', '100%');
  ground.setAttribute('fill', toRgb(getComputedStyle(document.body).backgroundColor));
  const ink = toRgb(getComputedStyle(document.body).color);
  const title = lines.map((line, i) => {
    const text = document.createElementNS(SVG, 'text');
    const place = { x: TITLE.left, y: TITLE.line * (i + 1) - TITLE.left - top, fill: ink };
    for (const [name, value] of Object.entries({ ...place, 'font-size': TITLE.size, 'font-weight': 600 }))
      text.setAttribute(name, String(value));
    text.textContent = line;
    return text;
  });
  root.prepend(ground, ...title);
  if (label !== null) {
    const said = document.createElementNS(SVG, 'title');
    said.textContent = label;
    root.prepend(said);
  }
  const text = new XMLSerializer().serializeToString(root).replaceAll(NOT_IN_XML, '\ufffd');
  const svg = new Blob([`<?xml version="1.0" encoding="UTF-8"?>\n${text}\n`], { type: 'image/svg+xml' });
  return { svg, width, height };
}

/** Renders an SVG of something the page shows on a canvas or as a table, passes it to `take`, then removes it. */
function withDrawing(figure: ReactElement, take: (drawing: SVGSVGElement) => void): void {
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

/** Converts what browsers compute from `color-mix` and `light-dark` to `rgb()`, which every SVG reader knows. */
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

interface SaveProps {
  /** File name without extension: `loss`. */
  file: string;
  /** For screen readers. */
  title: string;
  /** The drawing on the page, null if there is none yet; or one of what the page shows on a canvas or as a table. */
  drawing: () => SVGSVGElement | ReactElement | null;
  numbers: () => ChartNumbers;
}

/** Saves a chart as it looks (SVG, PNG), with its title and method, and its numbers unrounded (CSV). */
export function SaveTools({ file, drawing, numbers, title }: SaveProps) {
  const of = useContext(Pictured);
  const [isTooLarge, setIsTooLarge] = useState(false);
  const name = `gorp-web-${file}${of === '' ? '' : `-${of.replaceAll(/[^\w-]+/g, '-')}`}`;
  const withPicture = (take: (picture: Picture) => void): void => {
    const drawn = drawing();
    const takeDrawn = (svg: SVGSVGElement): void => take(pictureOf(svg, of === '' ? title : `${title}: ${of}`));
    if (drawn instanceof SVGSVGElement) takeDrawn(drawn);
    else if (drawn !== null) withDrawing(drawn, takeDrawn);
  };
  const savePng = async (picture: Picture): Promise<void> => {
    const png = await pngOf(picture).catch(() => null);
    setIsTooLarge(png === null);
    if (png !== null) download(png, `${name}.png`);
  };
  const kinds = {
    SVG: () => withPicture(({ svg }) => download(svg, `${name}.svg`)),
    PNG: () => withPicture((picture) => void savePng(picture)),
    CSV: () => download(new Blob([csvOf(numbers())], { type: 'text/csv' }), `${name}.csv`),
  };
  return (
    <span className={styles.save}>
      Save
      {Object.entries(kinds).map(([kind, save]) => (
        <Act
          key={kind}
          label={`Save as ${kind}: ${title}`}
          data-testid={`${kind.toLowerCase()}-${file}`}
          onClick={save}
        >
          {kind}
        </Act>
      ))}
      {isTooLarge && <span role="alert">The browser cannot draw a picture this large: save it as SVG.</span>}
    </span>
  );
}

interface HeatProps {
  title: string;
  columns: readonly string[];
  rows: readonly { name: string; cells: readonly (HeatCell | null)[] }[];
}

interface HeatCell {
  /** Strength of the colour, in [0, 1]. */
  share: number;
  text: string;
  kind?: 'level' | 'loss' | 'gain';
}

const CELL = { width: 52, height: 24 };
const HEAD = 20;

/** A heat map as SVG, for saving what the page shows as a table. */
export function HeatFigure({ title, columns, rows }: HeatProps) {
  const left = Math.max(...rows.map(({ name }) => name.length), 4) * LETTER + 12;
  // Long column names are drawn vertically.
  const stand = columns.some((name) => name.length * LETTER > CELL.width);
  const head = stand ? Math.max(...columns.map((name) => name.length)) * LETTER + 8 : HEAD;
  return (
    <svg
      width={left + columns.length * CELL.width + 8}
      height={head + rows.length * CELL.height + 8}
      role="img"
      aria-label={title}
    >
      {columns.map((name, i) => {
        const x = left + (i + 0.5) * CELL.width;
        return stand ? (
          <text key={name} className={styles.legend} transform={`translate(${x + 4} ${head - 6}) rotate(-90)`}>
            {name}
          </text>
        ) : (
          <text key={name} className={styles.legend} x={x} y={head - 6} textAnchor="middle">
            {name}
          </text>
        );
      })}
      {rows.map(({ name, cells }, r) => {
        const y = head + r * CELL.height;
        return (
          <g key={r}>
            <text className={styles.legend} x={left - 8} y={y + CELL.height / 2} dy="0.32em" textAnchor="end">
              {name}
            </text>
            {cells.map((cell, c) =>
              cell === null ? null : (
                <g
                  key={c}
                  className={`tinted ${styles.cell}`}
                  data-kind={cell.kind}
                  style={{ '--share': `${Math.round(100 * cell.share)}%` }}
                >
                  <rect x={left + c * CELL.width + 1} y={y + 1} width={CELL.width - 2} height={CELL.height - 2} />
                  <text
                    className={styles.value}
                    x={left + (c + 0.5) * CELL.width}
                    y={y + CELL.height / 2}
                    dy="0.32em"
                    textAnchor="middle"
                  >
                    {cell.text}
                  </text>
                </g>
              ),
            )}
          </g>
        );
      })}
    </svg>
  );
}
