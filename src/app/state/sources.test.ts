import { describe, expect, it } from 'vitest';
import { embeddedSettings } from '../../run/planning/presets.ts';
import { parseSettings, withText } from '../../run/settings/settings.ts';
import {
  addableTasks,
  generalTexts,
  NO_TASKS,
  orderProblem,
  pageTasksOf,
  taskCard,
  type UserTasks,
} from './task-store.ts';

const SPEC = {
  name: 'mine',
  kind: 'TC',
  instruction: 'Which?',
  file: 'a.csv',
  sha256: '0'.repeat(64),
  header: true,
  textColumn: 'text',
  labelColumn: 'label',
  form: 'labels' as const,
  inputColumn: null,
  frame: 'answer' as const,
  chatAnswers: 'every' as const,
  testShare: 0.2,
  seed: 1,
};
const DATA: UserTasks = {
  custom: [{ spec: SPEC, labels: ['a', 'b'], trainExamples: 4, testExamples: 1, warnings: [], data: new Blob(['{}']) }],
  folder: { name: 'repository', files: new Map([['x', new Blob(['[]'])]]), datasets: ['agnews'] },
  unread: NO_TASKS.unread,
};
const draft = (tasks: string, ...order: string[]) => ({ ...embeddedSettings('full', 'gorp'), tasks, order });

describe('orderProblem', () => {
  it.each([
    ['embedded', ['gloss', 'mine'], null],
    ['picked', ['gloss', 'agnews', 'mine'], null],
    ['https://example.org/', ['MNLI'], null],
    ['embedded', ['agnews'], 'Choose the folder of CL_Benchmark'],
    ['picked', ['MNLI'], 'MNLI is not in the chosen folder'],
    ['embedded', ['lost', 'gone'], 'lost, gone are missing'],
  ])('with tasks from %s, for %j', (tasks, order, problem) => {
    const found = orderProblem(draft(tasks, ...order), DATA);
    if (problem === null) expect(found).toBeNull();
    else expect(found).toContain(problem);
  });
});

describe('tasks of the page', () => {
  it('are offered by source, without those already in the order', () => {
    const offered = (tasks: string) =>
      addableTasks(draft(tasks, 'gloss'), DATA).map(({ title, names }) => [title, names]);
    expect(offered('picked')).toEqual([
      ['Custom', ['mine']],
      ['Embedded', ['field', 'people', 'emoji', 'mood', 'pos', 'action', 'notion']],
      ['CL_Benchmark', ['agnews']],
    ]);
    expect(offered('embedded').map(([title]) => title)).toEqual(['Custom', 'Embedded']);
    expect(offered('https://example.org/')[2]?.[1]).toHaveLength(15);
  });

  it('are sent only if the order needs them', () => {
    expect(pageTasksOf(draft('embedded', 'gloss'), DATA)).toEqual({ folder: new Map(), custom: new Map() });
    const sent = pageTasksOf(draft('picked', 'mine', 'agnews'), DATA);
    expect([[...sent.folder.keys()], [...sent.custom.keys()]]).toEqual([['x'], ['mine']]);
  });

  it('can be the general text of a run instead, if they are not learned', () => {
    const own = withText(draft('embedded', 'gloss'), 'own:mine');
    expect([...pageTasksOf(own, DATA).custom.keys()]).toEqual(['mine']);
    expect(orderProblem(own, DATA)).toBeNull();
    expect(orderProblem(withText(own, 'own:gone'), DATA)).toContain('The general text gone is missing');
    const offered = (one: typeof own): string[] => generalTexts(one, DATA).map(({ value }) => value);
    expect(offered(draft('embedded', 'gloss'))).toEqual(['own:mine']);
    expect(offered(own)).toEqual(['included']);
    expect(offered(withText(draft('embedded', 'mine'), 'none'))).toEqual(['included']);
    expect(() => parseSettings({ ...own, order: ['gloss', 'mine'] })).toThrow(/cannot be a task that is learned/);
  });

  it('have a question and labels', () => {
    expect(taskCard('mine', DATA)).toEqual({ name: 'mine', question: 'Which?', labels: ['a', 'b'] });
    expect(taskCard('agnews', DATA).question).toContain('topic');
    expect(taskCard('COPA', DATA).question).toContain('CL_Benchmark');
    expect(taskCard('gloss', DATA).labels.length).toBeGreaterThan(1);
  });
});
