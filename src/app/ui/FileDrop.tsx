import { type DragEvent, type ReactNode, useState } from 'react';
import styles from './FileDrop.module.css';

interface Props {
  className: string;
  onFiles: (files: File[]) => void;
  children: ReactNode;
}

/** An area that accepts dropped files. It must contain a button that does the same by keyboard. */
export function FileDrop({ className, onFiles, children }: Props) {
  const [isOver, setOver] = useState(false);
  const carriesFiles = ({ dataTransfer }: DragEvent): boolean => dataTransfer.types.includes('Files');
  const over = (event: DragEvent): void => {
    if (!carriesFiles(event)) return;
    // Otherwise the browser would open the file in place of the page.
    event.preventDefault();
    setOver(true);
  };
  return (
    <div
      className={`${className} ${styles.place}`}
      data-over={isOver}
      // Both: a file that is dropped when another element has just come under it, before the next `dragover`, is refused.
      onDragEnter={over}
      onDragOver={over}
      onDragLeave={({ currentTarget, relatedTarget }) => {
        if (!(relatedTarget instanceof Node && currentTarget.contains(relatedTarget))) setOver(false);
      }}
      onDrop={(event) => {
        setOver(false);
        if (!carriesFiles(event)) return;
        event.preventDefault();
        onFiles([...event.dataTransfer.files]);
      }}
    >
      {children}
    </div>
  );
}
