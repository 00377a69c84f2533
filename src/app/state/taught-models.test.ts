import { createElement } from 'react';
import { describe, expect, it } from 'vitest';
import { embeddedSettings } from '../../run/planning/presets.ts';
import type { ModelAccess } from '../../weights/source.ts';
import type { ExportsCommand, ExportsEvent } from '../../worker/protocol.ts';
import { TaughtModels } from '../tabs/models/TaughtModels.tsx';
import { markup, silentPage } from '../testing/markup.ts';
import { taughtModel } from '../testing/stores.ts';
import type { Page } from './page.ts';

/** A page whose worker that writes files ends one command after another, in the order in which they were sent. */
function exporting() {
  const sent: ExportsCommand[] = [];
  let tell: (event: ExportsEvent) => void = () => undefined;
  const page = silentPage({
    exports: {
      open: (onEvent) => {
        tell = onEvent;
        return { send: (command) => void sent.push(command), close: () => undefined };
      },
      askWhere: () => Promise.resolve(null),
      deliver: () => undefined,
    },
  });
  const { store, taught } = page;
  const { model } = taughtModel(embeddedSettings('quick', 'gorp'), 1);
  const models = ['own/1-mails', 'shared/1-chats'].map((key) => ({ key, bytes: 1, savedAt: 1, name: '', model }));
  /** The oldest command ends, and tells that the tab uses this model. */
  const end = (used: string): void =>
    tell({ type: 'kept', used, isAsked: true, rounds: [], last: null, broken: [], models });
  return { page, sent, end, tell: (event: ExportsEvent) => tell(event), taught, state: () => store.getState().taught };
}

const shared = [new File(['zip'], 'shared.zip')];

describe('a shared model that is stored', () => {
  it('is used, though a list was asked for just before it', () => {
    const { end, taught, state } = exporting();
    taught.refresh('run');
    taught.take(shared);
    end('own/1-mails');
    expect(state().writing, 'it is still being read').toMatchObject({ what: 'import' });
    end('shared/1-chats');
    expect(state()).toMatchObject({ used: 'shared/1-chats', writing: null });
    expect(taught.choiceFor('run')).toEqual({ model: 'shared/1-chats' });
  });

  it('is used, though a list for the run on the page was asked for meanwhile', () => {
    const { end, taught, state } = exporting();
    taught.refresh(null);
    end('own/1-mails');
    taught.take(shared);
    taught.refresh('run');
    end('shared/1-chats');
    end('own/1-mails');
    expect(state().used).toBe('shared/1-chats');
    expect(taught.choiceFor('run')).toEqual({ model: 'shared/1-chats' });
  });

  it('is stored after a worker that stopped with other commands', () => {
    const { end, tell, taught, state } = exporting();
    taught.refresh('run');
    taught.remove('own/1-mails');
    tell({ type: 'failed', error: { code: 'worker/crashed', message: 'It stopped.', nextStep: 'Reload.' } });
    taught.take(shared);
    end('shared/1-chats');
    expect(state()).toMatchObject({ used: 'shared/1-chats', writing: null });
  });
});

describe('a count that is stopped', () => {
  const count = (taught: Page['taught']): void => taught.countSame('q8_0', {} as ModelAccess, 'cpu');

  it('loses no other command: what waited for it is sent again', () => {
    const { sent, end, taught, state } = exporting();
    count(taught);
    taught.remove('own/1-mails');
    taught.take(shared);
    sent.length = 0;
    taught.stopCount();
    expect(sent.map(({ type }) => type)).toEqual(['remove-model', 'import', 'list']);
    expect(state()).toMatchObject({ answering: null, writing: { what: 'import' } });
    end('own/1-mails');
    end('shared/1-chats');
    end('own/1-mails');
    expect(state()).toMatchObject({ writing: null, used: 'shared/1-chats' });
  });

  it('makes removing and using models wait', () => {
    const { taught, end, page } = exporting();
    taught.refresh(null);
    end('own/1-mails');
    const disabled = (): number => markup(page, createElement(TaughtModels)).split('disabled=""').length - 1;
    expect(disabled()).toBe(0);
    count(taught);
    expect(disabled(), 'Remove of both, Use of the other').toBe(3);
  });
});
