import { type ReactNode, useLayoutEffect, useRef } from 'react';
import styles from './ui.module.css';

interface Props {
  /** Id of its title. */
  labelledBy: string;
  testId: string;
  /** Called when it is closed, also by Escape. */
  onClose: () => void;
  children: ReactNode;
}

/**
 * A modal dialog, open while it is rendered; what may follow on another needs a key (`keyOf`). Closing it returns
 * the focus to where it was.
 */
export function Dialog({ labelledBy, testId, onClose, children }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  const isShown = useRef(false);
  // Closed before it is removed from the page: only then do browsers return the focus.
  useLayoutEffect(() => {
    const element = dialog.current;
    element?.showModal();
    isShown.current = true;
    return () => {
      isShown.current = false;
      element?.close();
    };
  }, []);
  return (
    <dialog
      ref={dialog}
      className={styles.dialog}
      aria-labelledby={labelledBy}
      data-testid={testId}
      onClose={({ currentTarget }) => {
        // React’s strict mode closes and reopens it. And the event comes late: another dialog may have taken its place.
        if (isShown.current && !currentTarget.open) onClose();
      }}
    >
      {children}
    </dialog>
  );
}

/** The buttons at the foot of a dialog, always in sight. The last one is the main action. */
export function DialogFoot({ children }: { children: ReactNode }) {
  return <div className={styles.foot}>{children}</div>;
}

const keys = new WeakMap<object, number>();
let last = 0;

/** A React key that names an object, so that what shows another one is another component. */
export function keyOf(one: object): number {
  const known = keys.get(one);
  if (known !== undefined) return known;
  keys.set(one, ++last);
  return last;
}
