import { expect, test, vi } from 'vitest';
import * as v from 'valibot';
import { keptQuestions, keptSentence } from '../results/known-before.ts';
import type { RunEvent } from '../events/events.ts';
import { type Results, ResultsSchema } from '../results/results.ts';
import { RunTime } from '../learning/run-time.ts';
import { Run } from '../run.ts';
import type { RunHost } from '../events/host.ts';
import type { ModelFiles } from '../../weights/model-folder.ts';
import { memoryCheckpoints } from '../../testing/memory-checkpoints.ts';
import { TINY_FAMILIES } from '../../testing/tiny-families.ts';
import { tinyHost, tinySettings } from '../../testing/tiny-run.ts';
import { tinyModel } from '../../testing/tiny-model.ts';

type Probed = Extract<RunEvent, { probe: 'commonQuestions' }>;

const llama = TINY_FAMILIES.find(({ family }) => family === 'llama-tiny');

/** A run of a tiny model with a chat template. */
async function ran(
  commonQuestions: 'asked' | 'none',
  parts: Partial<RunHost> = {},
  onEvent?: (event: RunEvent, run: Run) => void,
  lengths = llama?.lengths,
): Promise<{ results: Results; probes: Probed[]; notes: string[] }> {
  const events: RunEvent[] = [];
  const settings = tinySettings('seq-lora', { commonQuestions, epochs: 1, ...lengths });
  const run: Run = new Run(
    tinyHost(
      (event) => {
        events.push(event);
        onEvent?.(event, run);
      },
      { openModel: () => Promise.resolve(llama?.open() ?? tinyModel()), ...parts },
    ),
    settings,
  );
  await run.execute();
  if (run.results === null) throw new Error(JSON.stringify(events.at(-1)));
  return {
    results: run.results,
    probes: events.filter((event): event is Probed => event.type === 'probe' && event.probe === 'commonQuestions'),
    notes: events.flatMap((event) => (event.type === 'warning' ? [event.message] : [])),
  };
}

test('a model with a chat template is asked before training and after every round, and trains the same', async () => {
  const [asked, silent] = [await ran('asked'), await ran('none')];
  expect(asked.probes.map(({ measured }) => measured.round)).toEqual([0, 1, 2]);
  expect(asked.probes[0].measured.answers.every((answer) => typeof answer === 'string')).toBe(true);
  // A model that knows a few words answers nothing rightly, so nothing is asked again.
  expect(asked.probes[1].measured.answers.every((answer) => answer === null)).toBe(true);
  expect(v.is(ResultsSchema, asked.results)).toBe(true);
  expect(asked.results.probes?.commonQuestions?.questions).toHaveLength(60);
  expect(asked.results.curves.loss).toEqual(silent.results.curves.loss);
  expect(asked.results.accuracy).toEqual(silent.results.accuracy);
  expect(silent.results.probes).toBeUndefined();
  expect(asked.results.memory.liveBuffersAtEnd).toBe(0);
});

test('a run that was stopped and resumed has been asked the same', async () => {
  const planned = vi.spyOn(RunTime.prototype, 'asks');
  const whole = await ran('asked');
  expect(planned.mock.calls, 'nothing was right, so no more questions are planned').toEqual([[0]]);
  const checkpoints = memoryCheckpoints(0);
  await ran('asked', checkpoints.parts(), (event, run) => {
    if (event.type === 'progress' && event.phase === 'train' && event.round === 2) run.stop();
  });
  planned.mockClear();
  const resumed = await ran('asked', checkpoints.parts());
  expect(planned.mock.calls).toEqual([[0]]);
  planned.mockRestore();
  expect(resumed.probes.map(({ measured }) => measured.round)).toEqual([2]);
  expect(resumed.results.probes).toEqual(whole.results.probes);
});

test('a model without a chat template is not asked, and a note says so', async () => {
  const { probes, notes } = await ran('asked', { openModel: () => Promise.resolve(tinyModel()) });
  expect(probes).toEqual([]);
  expect(notes).toContainEqual(
    expect.stringMatching(/^Questions of common knowledge are not asked: .*no chat template/),
  );
});

test('nor is one whose positions are too few for a question and its answer', async () => {
  const open = (): Promise<ModelFiles> => Promise.resolve(llama?.open({ max_position_embeddings: 23 }) ?? tinyModel());
  const lengths = { sourceLength: 20, targetLength: 3 };
  const { probes, notes, results } = await ran('asked', { openModel: open }, undefined, lengths);
  expect(results.status).toBe('finished');
  expect(probes).toEqual([]);
  expect(notes).toContainEqual(expect.stringMatching(/^Questions of common knowledge are not asked: .*at most 23/));
});

test('what was right and is not now is lost', () => {
  const questions = ['a', 'b', 'c', 'd'].map((id) => ({ id, question: `${id}?` }));
  const probes = {
    commonQuestions: {
      hash: '',
      questions,
      rounds: [
        { round: 2, answers: ['1', '5', null, '4'], right: [true, false, false, false] },
        { round: 0, answers: ['1', '2', '3', '4'], right: [true, true, false, true] },
      ],
    },
  };
  const [kept] = keptQuestions({ probes });
  expect(kept).toEqual({
    round: 2,
    asked: 4,
    before: 3,
    still: 1,
    lost: [
      { question: 'b?', before: '2', after: '5' },
      { question: 'd?', before: '4', after: '4' },
    ],
  });
  expect(keptSentence(kept)).toBe(
    'It still answers 1 of the 3 questions of common knowledge that it answered rightly before, of 4 asked.',
  );
  expect(keptSentence({ ...kept, before: 0 })).toContain('show nothing');
  expect(keptQuestions({})).toEqual([]);
});
