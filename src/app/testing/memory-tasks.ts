import { NO_TASKS, type TaskData, type TaskStore } from '../tasks/task-store.ts';

/** Tasks kept in memory: for tests and scripted pages. */
export function memoryTasks(initial: TaskData = NO_TASKS): TaskStore {
  let data = initial;
  return {
    load: () => Promise.resolve(data),
    addOwn: (tasks) => {
      data = { ...data, own: [...data.own, ...tasks] };
      return Promise.resolve();
    },
    removeOwn: (name) => {
      data = { ...data, own: data.own.filter(({ spec }) => spec.name !== name) };
      return Promise.resolve();
    },
    setFolder: (folder) => {
      data = { ...data, folder };
      return Promise.resolve();
    },
  };
}
