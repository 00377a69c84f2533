import { AddRuns } from './AddRuns.tsx';
import { QueueList } from './QueueList.tsx';
import styles from './QueueTab.module.css';

/** Runs that are started one after another: what is to come, and more of them. */
export function QueueTab() {
  return (
    <div className={styles.stack}>
      <QueueList />
      <AddRuns />
    </div>
  );
}
