import type { ReactElement } from 'react';
import { flushSync } from 'react-dom';
import { createRoot } from 'react-dom/client';
import { type Cell, csvLine } from '../../base/csv-line.ts';
import { LETTER } from '../../charts/axis.ts';
import { download } from '../ui/download.ts';
import styles from './charts.module.css';

/** The numbers of a chart as a table: unrounded, null where nothing was measured. */
export interface Numbers {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly Cell[])[];
}

/** A table as CSV with a header. */
export const csvOf = ({ columns, rows }: Numbers): string => [columns, ...rows].map(csvLine).join('');

/** Downloads the numbers of a chart. @param name file name without extension. */
const saveCsv = (name: string, numbers: Numbers): void =>
  download(new Blob([csvOf(numbers)], { type: 'text/csv' }), `${name}.csv`);

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

/** Downloads a drawing of the page as it looks now. @param name file name without extension. */
const saveSvg = (name: string, drawing: SVGSVGElement): void =>
  download(new Blob([svgText(drawing)], { type: 'image/svg+xml' }), `${name}.svg`);

/**
 * The text of an SVG file of a drawing on the page.
 *
 * The drawing is rebuilt, not cloned, because the page's security policy forbids style attributes.
 */
function svgText(drawing: SVGSVGElement): string {
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
  const text = new XMLSerializer().serializeToString(root).replaceAll(NOT_IN_XML, '\ufffd');
  return `<?xml version="1.0" encoding="UTF-8"?>\n${text}\n`;
}

/** Renders an SVG of something the page shows on a canvas or as a table, passes it to `take`, then removes it. */
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
  /** Passes the drawing, as it looks now, to `take`; does nothing if there is none yet. */
  draw: (take: (drawing: SVGSVGElement) => void) => void;
  numbers: () => Numbers;
}

/** Saves a chart as it looks (SVG), and its numbers unrounded (CSV). */
export function SaveTools({ file, draw, numbers, title }: SaveProps) {
  const name = `gorp-web-${file}`;
  return (
    <span className={styles.save}>
      Save
      <button
        type="button"
        className="act"
        aria-label={`Save as SVG: ${title}`}
        data-testid={`svg-${file}`}
        onClick={() => draw((drawing) => saveSvg(name, drawing))}
      >
        SVG
      </button>
      <button
        type="button"
        className="act"
        aria-label={`Save as CSV: ${title}`}
        data-testid={`csv-${file}`}
        onClick={() => saveCsv(name, numbers())}
      >
        CSV
      </button>
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
  const head = HEAD + (stand ? Math.max(...columns.map((name) => name.length)) * LETTER : HEAD);
  return (
    <svg
      width={left + columns.length * CELL.width + 8}
      height={head + rows.length * CELL.height + 8}
      role="img"
      aria-label={title}
    >
      <text className={styles.title} x={4} y={14}>
        {title}
      </text>
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
