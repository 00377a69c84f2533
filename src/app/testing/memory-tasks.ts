import { NO_TASKS, type UserTasks, type TaskStore } from '../state/task-store.ts';

/** Tasks held in memory, for tests. */
export function memoryTasks(initial: UserTasks = NO_TASKS): TaskStore {
  let data = initial;
  return {
    load: () => Promise.resolve(data),
    addCustom: (tasks) => {
      data = { ...data, custom: [...data.custom, ...tasks] };
      return Promise.resolve();
    },
    removeCustom: (name) => {
      data = { ...data, custom: data.custom.filter(({ spec }) => spec.name !== name) };
      return Promise.resolve();
    },
    setFolder: (folder) => {
      data = { ...data, folder };
      return Promise.resolve();
    },
  };
}
