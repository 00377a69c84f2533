import { createElement } from 'react';
import { expect, test } from 'vitest';
import { quickResults } from '../../testing/scripted-results.ts';
import type { MethodName } from '../../methods/registry.ts';
import type { ModelSummary } from '../../run/files/model-line.ts';
import type { LastRound } from '../../worker/protocol.ts';
import type { ExportsEvent } from '../../worker/protocol.ts';
import type { Page, PageParts } from '../state/page.ts';
import { ResultsTab } from '../tabs/results/ResultsTab.tsx';
import { markup, silentPage, textOf } from '../testing/markup.ts';

const last: LastRound = {
  round: 2,
  settings: quickResults('gorp-plus', 1).settings,
  use: {
    folder: 'round',
    model: 'embedded',
    commit: null,
    isDecoderOnly: false,
    promptForm: 'raw',
    ...{
      hasAdapter: true,
      hasWeights: true,
      isByPrompt: false,
      maxNewTokens: 4,
      example: null,
      learned: ['gloss'],
      tasks: [],
    },
  },
};

/** The Results tab after a run, with a last round of that run or of another in this browser, which a method taught. */
function shown(isAsked: boolean, method: MethodName = 'gorp-plus'): string {
  const page = silentPage();
  const results = quickResults('seq-lora', 1);
  page.store.setState(({ run }) => ({ run: { ...run, status: 'stopped', results, settings: results.settings } }));
  const { settings } = quickResults(method, 1);
  const model = { run: null, name: '', settings, commit: null, lessons: [] as unknown as ModelSummary['lessons'] };
  const models = [{ key: 'a/1-gloss', bytes: 1, savedAt: 1, name: '1-gloss', model }];
  page.store.setState(({ taught }) => ({ taught: { ...taught, last, isAsked, models, used: 'a/1-gloss' } }));
  return markup(page, createElement(ResultsTab));
}

/** A page whose worker that writes files is the given one. */
const exporting = (
  open: PageParts['exports']['open'],
  storage?: PageParts['models']['storage'],
): Pick<Page, 'store' | 'taught'> =>
  silentPage({
    exports: { open, askWhere: () => Promise.resolve(null), deliver: () => undefined },
    models: { openModels: () => ({ send: () => undefined }), storage },
  });

test('what is written is the model that the page shows, whichever another tab has removed or showed last', async () => {
  const sent: unknown[] = [];
  const { store, taught } = exporting(() => ({ send: (command) => void sent.push(command), close: () => undefined }));
  taught.refresh('run');
  store.setState((state) => ({ taught: { ...state.taught, last, used: 'folder/1-mails' } }));
  await taught.save({ what: 'zip' }, { token: '', hub: '', files: [] } as never);
  expect(sent.at(-1)).toMatchObject({ type: 'zip', key: 'folder/1-mails', model: { run: 'run' } });
});

test('sharing says what of the texts goes along in any case', () => {
  expect(textOf(shown(true, 'er'))).toContain('holds what the method repeats while it learns: examples of these tasks');
  expect(textOf(shown(true))).not.toContain('repeats');
});

test('saving a model is reported, also for the first one; models that were there before are not', () => {
  let saved = 0;
  let tell: (event: ExportsEvent) => void = () => undefined;
  const { taught } = exporting(
    (onEvent) => {
      tell = onEvent;
      return { send: () => undefined, close: () => undefined };
    },
    { persist: () => Promise.resolve(++saved > 0), persisted: () => Promise.resolve(false) },
  );
  taught.refresh('run');
  const list = (...savedAt: number[]): void => {
    const models = savedAt.map((at) => ({ key: String(at), bytes: 1, savedAt: at, name: '', model: null }));
    tell({ type: 'kept', used: null, isAsked: true, rounds: [], last: null, broken: [], models });
  };
  const later = Date.now() + 1000;
  list(1, 2);
  expect(saved).toBe(0);
  list(1, later);
  list(1, later);
  expect(saved).toBe(1);
});

test('a model that another tab has removed is not used: the page says so and uses the one before', () => {
  const sent: unknown[] = [];
  let tell: (event: ExportsEvent) => void = () => undefined;
  const { store, taught } = exporting((onEvent) => {
    tell = onEvent;
    return { send: (command) => void sent.push(command), close: () => undefined };
  });
  const list = (...keys: string[]): void => {
    const models = keys.map((key) => ({ key, bytes: 1, savedAt: 1, name: '', model: null }));
    tell({ type: 'kept', used: keys[0], isAsked: false, rounds: [], last: null, broken: [], models });
  };
  taught.use('run/1-mails');
  list('run/2-chats', 'run/1-mails');
  taught.use('run/3-notes');
  list('run/2-chats', 'run/1-mails');
  expect(store.getState().taught.problem?.code).toBe('run/model-gone');
  expect(sent.at(-1)).toEqual({ type: 'list', model: { model: 'run/1-mails' } });
  taught.use('run/2-chats');
  expect(store.getState().taught.problem).toBeNull();
});

const isOff = (html: string): boolean => /<button[^>]*download-merged[^>]*disabled/.test(html);

test('beside the results of a run, the model of another run is not handed over', () => {
  const own = shown(true);
  expect(isOff(own)).toBe(false);
  expect(textOf(own)).toContain('The model has everything trained merged in');
  const other = shown(false);
  expect(isOff(other)).toBe(true);
  expect(textOf(other)).toContain('This run has no model in this browser');
});
