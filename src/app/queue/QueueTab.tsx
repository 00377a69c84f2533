import view from '../ui/view.module.css';
import { AddRuns } from './AddRuns.tsx';
import { QueueList } from './QueueList.tsx';

/** The queue, and the form that adds runs to it. */
export function QueueTab() {
  return (
    <div className={view.stack}>
      <QueueList />
      <AddRuns />
    </div>
  );
}
