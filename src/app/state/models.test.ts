import { describe, expect, it } from 'vitest';
import type { ModelsCommand, ModelsEvent } from '../../worker/protocol.ts';
import { createPageStore } from './store.ts';
import { createModelsActions, type ModelsParts } from './models.ts';

function setUp(storage: ModelsParts['storage'] = undefined) {
  const commands: ModelsCommand[] = [];
  let emit: (event: ModelsEvent) => void = () => undefined;
  const store = createPageStore('system');
  const actions = createModelsActions(store, {
    openModels: (onEvent) => {
      emit = onEvent;
      return { send: (command) => commands.push(command) };
    },
    storage,
  });
  return { actions, commands, models: () => store.getState().models, emit: (event: ModelsEvent) => emit(event), store };
}

describe('createModelsActions', () => {
  it('does one thing at a time, with the access entered on the page', () => {
    const { actions, commands, emit, models, store } = setUp();
    const access = { hub: { endpoint: 'https://mirror', token: 'hf_x' }, picked: new Map() };
    store.setState({ access });
    actions.fetch('a/b');
    actions.fetch('c/d');
    actions.remove('f');
    expect(commands).toEqual([{ type: 'fetch', model: 'a/b', access }]);
    actions.pause();
    expect(models().work).toMatchObject({ isPausing: true });
    emit({ type: 'broken-off', model: 'a/b' });
    actions.verify('f');
    expect(commands.slice(1)).toEqual([{ type: 'break' }, { type: 'verify', folder: 'f', access }]);
  });

  it('asks for persistent storage and reports the browser’s answer', async () => {
    const answers = [false, true];
    const persist = (): Promise<boolean> => Promise.resolve(answers.shift() ?? false);
    const { actions, commands, models } = setUp({ persist, persisted: () => Promise.resolve(false) });
    await actions.refresh();
    expect([commands, models().isPersistent]).toEqual([[{ type: 'list' }], false]);
    await actions.persist();
    expect(models()).toMatchObject({ isPersistent: false, outcome: expect.stringContaining('not promise') as string });
    await actions.persist();
    expect(models().isPersistent).toBe(true);
  });
});
