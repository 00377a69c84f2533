import { type RefObject, useEffect, useLayoutEffect, useRef, useState } from 'react';

/**
 * Holds the focus in an element whose buttons take turns: a focused one that goes, without an event, would drop it on
 * the page. The first button that can be pressed gets it.
 *
 * @param change what says which buttons there are.
 * @returns handlers for the element.
 */
export function useFocusStays(element: RefObject<HTMLElement | null>, change: unknown) {
  const hasFocus = useRef(false);
  useLayoutEffect(() => {
    if (!hasFocus.current || document.activeElement !== document.body) return;
    element.current?.querySelector<HTMLElement>('button:not(:disabled)')?.focus();
  }, [element, change]);
  return { onFocus: () => void (hasFocus.current = true), onBlur: () => void (hasFocus.current = false) };
}

/** Width of an element's content in CSS pixels, updated as it changes; 0 before the first layout. */
export function useWidth(ref: RefObject<HTMLElement | null>): number {
  const [width, setWidth] = useState(0);
  useEffect(() => {
    const element = ref.current;
    if (element === null) return undefined;
    const observer = new ResizeObserver(([entry]) => setWidth(Math.floor(entry?.contentRect.width ?? 0)));
    observer.observe(element);
    return () => observer.disconnect();
  }, [ref]);
  return width;
}
