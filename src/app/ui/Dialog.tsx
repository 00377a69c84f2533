import { type ReactNode, useLayoutEffect, useRef } from 'react';
import styles from './Dialog.module.css';

interface Props {
  /** Of its title. */
  labelledBy: string;
  testId: string;
  /** Told that it was closed, by Escape too. */
  onClose: () => void;
  children: ReactNode;
}

/** A dialog over the page, open as long as it is drawn. What had the focus before has it again afterwards. */
export function Dialog({ labelledBy, testId, onClose, children }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  // Closed before it is taken out of the page: browsers give the focus back only then.
  useLayoutEffect(() => {
    const element = dialog.current;
    element?.showModal();
    return () => element?.close();
  }, []);
  return (
    <dialog
      ref={dialog}
      className={styles.dialog}
      aria-labelledby={labelledBy}
      data-testid={testId}
      onClose={({ currentTarget }) => {
        // React's strict mode closes and opens it once more.
        if (!currentTarget.open) onClose();
      }}
    >
      {children}
    </dialog>
  );
}

/** The buttons at the foot of a dialog, in sight however long it is. The last one does what the dialog is for. */
export function DialogFoot({ children }: { children: ReactNode }) {
  return <div className={styles.foot}>{children}</div>;
}
