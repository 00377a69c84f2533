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
  return (
    <div
      className={`${className} ${styles.place}`}
      data-over={isOver}
      onDragOver={(event) => {
        if (!carriesFiles(event)) return;
        // Otherwise the browser would open the file in place of the page.
        event.preventDefault();
        setOver(true);
      }}
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
