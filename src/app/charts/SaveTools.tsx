import type { Numbers } from './numbers.ts';
import { saveCsv } from './numbers.ts';
import { saveSvg } from './save-svg.ts';
import styles from './SaveTools.module.css';

export interface Savable {
  /** File name without extension: `loss`. */
  file: string;
  /** Passes the drawing, as it looks now, to `take`; does nothing if there is none yet. */
  draw: (take: (drawing: SVGSVGElement) => void) => void;
  numbers: () => Numbers;
}

/** Saves a chart as it looks (SVG), and its numbers unrounded (CSV). @param title chart title, for screen readers. */
export function SaveTools({ file, draw, numbers, title }: Savable & { title: string }) {
  const name = `gorp-web-${file}`;
  return (
    <span className={styles.tools}>
      Save
      <button
        type="button"
        className={styles.button}
        aria-label={`Save as SVG: ${title}`}
        data-testid={`svg-${file}`}
        onClick={() => draw((drawing) => saveSvg(name, drawing))}
      >
        SVG
      </button>
      <button
        type="button"
        className={styles.button}
        aria-label={`Save as CSV: ${title}`}
        data-testid={`csv-${file}`}
        onClick={() => saveCsv(name, numbers())}
      >
        CSV
      </button>
    </span>
  );
}

/** Passes the drawing inside an element to `take`. */
export function drawingIn(frame: HTMLElement | null, take: (drawing: SVGSVGElement) => void): void {
  const drawing = frame?.querySelector('svg');
  if (drawing) take(drawing);
}
