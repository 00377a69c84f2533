import { useEffect, useState } from 'react';
import { usePage } from '../page-context.tsx';
import { filesOfDrop } from '../tasks/given-files.ts';
import styles from './DropAnywhere.module.css';

/** Takes up files that are dropped anywhere on the page. */
export function DropAnywhere() {
  const { takeFiles } = usePage();
  const [isOver, setIsOver] = useState(false);
  useEffect(() => {
    const carriesFiles = ({ dataTransfer }: DragEvent): boolean => dataTransfer?.types.includes('Files') ?? false;
    const over = (event: DragEvent): void => {
      if (!carriesFiles(event)) return;
      // Otherwise the browser would open the file in place of the page.
      event.preventDefault();
      setIsOver(true);
    };
    const leave = ({ relatedTarget }: DragEvent): void => {
      if (relatedTarget === null) setIsOver(false); // out of the window
    };
    const drop = (event: DragEvent): void => {
      setIsOver(false);
      if (event.dataTransfer === null || !carriesFiles(event)) return;
      event.preventDefault();
      void takeFiles(filesOfDrop(event.dataTransfer.items));
    };
    // `dragenter` too: if another element comes under a file just before it is dropped, no `dragover` follows, and a file
    // that nothing has accepted is refused.
    window.addEventListener('dragenter', over);
    window.addEventListener('dragover', over);
    window.addEventListener('dragleave', leave);
    window.addEventListener('drop', drop);
    return () => {
      window.removeEventListener('dragenter', over);
      window.removeEventListener('dragover', over);
      window.removeEventListener('dragleave', leave);
      window.removeEventListener('drop', drop);
    };
  }, [takeFiles]);
  return isOver ? (
    <p className={styles.hint} role="status">
      Drop a model, data, an order, a set-up, results or a run’s folder anywhere.
    </p>
  ) : null;
}
