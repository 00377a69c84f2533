import view from '../ui/view.module.css';
import { AddRuns } from './AddRuns.tsx';
import { QueueList } from './QueueList.tsx';

/** Runs that are started one after another: what is to come, and more of them. */
export function QueueTab() {
  return (
    <div className={view.stack}>
      <QueueList />
      <AddRuns />
    </div>
  );
}
