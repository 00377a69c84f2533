import { beforeAll, describe, expect, it } from 'vitest';
import { runKeepingRounds } from '../../testing/saved-run.ts';
import { tinySettings } from '../../testing/tiny-run.ts';
import type { RoundFile } from './messages.ts';
import { openRunFiles } from './opened-run.ts';

const FOLDER = 'logs_and_outputs/order_custom/outputs';
let files: RoundFile[];

beforeAll(async () => {
  const { rounds } = await runKeepingRounds(tinySettings('seq-lora', { epochs: 1 }));
  files = [...rounds].flatMap(([folder, all]) =>
    [...all].map(([path, bytes]) => ({ path: `${folder}/${path}`, file: new Blob([bytes]) })),
  );
}, 180_000); // on a new machine the kernels are compiled at first use

const without = (part: string): RoundFile[] => files.filter(({ path }) => !path.includes(part));
const rounds = async (given: readonly RoundFile[]) =>
  (await openRunFiles(given))?.rounds.map(({ round, name, hasWeights }) => [round, name, hasWeights]);

describe('the files of a run', () => {
  it('give its rounds, what they trained and what they answered', async () => {
    const run = await openRunFiles(files);
    expect(await rounds(files)).toEqual([
      [1, '1-gloss', true],
      [2, '2-field', true],
    ]);
    expect(run?.results.settings.method.name).toBe('seq-lora');
    const [gloss, field] = run?.answers.tasks ?? [];
    expect([gloss.name, gloss.examples.length, gloss.examples[0].answers.map(({ round }) => round)]).toEqual([
      'gloss',
      6,
      [1, 2],
    ]);
    expect(field.examples[0].answers.map(({ round }) => round)).toEqual([2]);
    const saved = await run?.openRound(1);
    expect(saved?.round).toBe(1);
    expect(run?.layers).toEqual(saved?.changed);
    expect(run?.layers.size).toBeGreaterThan(0);
  });

  it('may lack the weights of earlier rounds', async () => {
    expect(await rounds(without('1-gloss/round.json'))).toEqual([
      [1, '1-gloss', false],
      [2, '2-field', true],
    ]);
  });

  it('may be those of one round, whatever its folder is called', async () => {
    const ofFirst = files
      .filter(({ path }) => path.startsWith(`${FOLDER}/1-gloss/`))
      .map(({ path, file }) => ({ path: path.slice(`${FOLDER}/1-gloss/`.length), file }));
    expect(await rounds(ofFirst)).toEqual([[1, 'gloss', true]]);
    const renamed = ofFirst.map(({ path, file }) => ({ path: `my model/${path}`, file }));
    expect(await rounds(renamed)).toEqual([[1, 'my model', true]]);
  });

  it('can be asked every task that the model knows, also without answers, as somebody shared it', async () => {
    const own = (await openRunFiles(files))?.answers.tasks ?? [];
    const shared = files.filter(({ path }) => path.includes('2-field/') && !path.endsWith('.jsonl'));
    const tasks = (await openRunFiles(shared))?.answers.tasks ?? [];
    expect(tasks.map(({ name }) => name)).toEqual(['gloss', 'field']);
    expect(tasks).toEqual(tasks.map(({ name }) => ({ ...own.find((one) => one.name === name), examples: [] })));
  });

  it('may hold a round that is damaged: the others can be asked', async () => {
    const damaged = files.map((one) =>
      one.path.endsWith('2-field/round.json') ? { ...one, file: new Blob(['{']) } : one,
    );
    const run = await openRunFiles(damaged);
    expect(await rounds(damaged)).toEqual([
      [1, '1-gloss', true],
      [2, '2-field', true],
    ]);
    await expect(run?.openRound(2)).rejects.toMatchObject({ code: 'weights/invalid-json' });
    expect((await run?.openRound(1))?.round).toBe(1);
  });

  it('are none, or no round', async () => {
    expect(await openRunFiles([])).toBeNull();
    expect(await openRunFiles([{ path: 'model/config.json', file: new Blob(['{}']) }])).toBeNull();
    await expect(openRunFiles(without('round.json'))).rejects.toMatchObject({ code: 'run/bad-round' });
  });
});
