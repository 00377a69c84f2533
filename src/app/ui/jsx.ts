import * as react from 'react/jsx-runtime';
import { shownText, visibleText } from '../../base/visible.ts';

export { Fragment, type JSX } from 'react/jsx-runtime';

/** Letters of a text in a drawing: it stands in one line, and nothing wraps it. */
const LONGEST_IN_DRAWING = 60;

/** Attributes that a person reads or hears. */
const READ = ['title', 'aria-label', 'aria-description', 'placeholder', 'alt'];

/**
 * React's runtime for JSX, for all files of the page (`jsxImportSource` in tsconfig.json), but for what its elements say:
 * names of tasks, labels, models and files come from anywhere, and here each of them passes {@link shownText}, wherever
 * a view shows it. What the page stores, copies or saves does not pass here, and stays as it was.
 */
export const jsx: typeof react.jsx = (type, props, key) => react.jsx(type, shownProps(type, props), key);

/** Makes elements with several children. */
export const jsxs: typeof react.jsxs = (type, props, key) => react.jsxs(type, shownProps(type, props), key);

/** Makes elements while developing. */
export const jsxDEV = (type: React.ElementType, props: unknown, key?: React.Key, several = false): React.ReactElement =>
  (several ? jsxs : jsx)(type, props, key);

function shownProps(type: React.ElementType, props: unknown): unknown {
  const isElement = typeof type === 'string' || type === react.Fragment; // rather than a component
  if (!isElement || props === null || typeof props !== 'object') return props;
  const shown: Record<string, unknown> = { ...props };
  const words = (child: unknown): unknown =>
    typeof child !== 'string' ? child : type === 'text' ? visibleText(child, LONGEST_IN_DRAWING) : shownText(child);
  const { children } = shown;
  if (children !== undefined) shown['children'] = Array.isArray(children) ? children.map(words) : words(children);
  for (const name of READ) {
    const text = shown[name];
    if (typeof text === 'string') shown[name] = shownText(text);
  }
  return shown;
}
