import { byteFile } from '../../weights/model-files.ts';
import { GorpError } from '../../base/errors.ts';
import { PREDICTIONS_FILE, ROUND_FILE, WATCHED_FILE } from '../../run/files/layout.ts';
import { AnswersOverRounds, readPredictions } from '../../run/files/predictions.ts';
import { openSavedRound, type SavedRound } from '../../run/files/saved-round.ts';
import type { Results } from '../../run/results/results.ts';
import { instructionTemplate } from '../../tasks/prompt.ts';
import type { RoundFile } from './messages.ts';

/** A round of a run, and the place of its files. */
interface RoundFolder {
  round: number;
  /** `1-gloss`. */
  name: string;
  /** Ends in a slash. */
  path: string;
  hasWeights: boolean;
}

/** The rounds of one run, from their files. */
export interface RunFiles {
  results: Results;
  rounds: RoundFolder[];
  answers: AnswersOverRounds;
  /** Trained layers, without `.weight`. */
  layers: ReadonlySet<string>;
  /** @throws GorpError `run/bad-round`. */
  openRound: (round: number) => Promise<SavedRound>;
}

/** Folders of rounds: `1-dbpedia`, or any folder with a round's files. */
const NAMED = /^(\d+)-/;

/**
 * Reads the rounds of a run and their answers. Among files of several runs, chooses the run of the last round.
 *
 * @returns null if there is no round at all.
 * @throws GorpError `run/bad-round` if no round can be opened, `run/bad-predictions`.
 */
export async function openRunFiles(files: readonly RoundFile[]): Promise<RunFiles | null> {
  const folders = [...new Set(files.flatMap(({ path }) => folderOf(path) ?? []))].sort(inOrder);
  if (folders.length === 0) return null;
  const { results, changed, path: last, round, state } = await lastRound(files, folders);
  const above = parentOf(last);
  const rounds = folders
    .filter((path) => parentOf(path) === above)
    .map((path): RoundFolder => {
      const name = nameOf(path) || results.settings.order[round - 1];
      const hasWeights = files.some((file) => file.path === path + ROUND_FILE);
      return { round: path === last ? round : Number(NAMED.exec(name)?.[1] ?? 0), name, path, hasWeights };
    })
    .filter((one) => one.round > 0);
  const answers = new AnswersOverRounds();
  for (const { round, path } of rounds) {
    for (const name of [PREDICTIONS_FILE, WATCHED_FILE]) {
      const file = files.find((one) => one.path === path + name);
      if (file !== undefined) answers.add(round, readPredictions(await file.file.text()));
    }
  }
  for (const { definition } of state.lessons) {
    const { name, kind, form = 'labels' } = definition;
    if (form !== 'text')
      answers.know({ name, kind, form, instruction: form === 'chat' ? '' : instructionTemplate(definition) });
  }
  return {
    results,
    rounds,
    answers,
    layers: changed,
    openRound: async (round) => {
      const saved = await openFolder(files, rounds.find((one) => one.round === round)?.path ?? '');
      await saved.state.check();
      return saved;
    },
  };
}

/** The folder of a round's file, with its slash; undefined for other files. */
function folderOf(path: string): string | undefined {
  const name = [ROUND_FILE, PREDICTIONS_FILE].find((one) => path === one || path.endsWith(`/${one}`));
  return name === undefined ? undefined : path.slice(0, -name.length);
}

const inOrder = (a: string, b: string): number => a.localeCompare(b, 'en', { numeric: true });
const nameOf = (folder: string): string => folder.split('/').at(-2) ?? '';
const parentOf = (folder: string): string => folder.slice(0, folder.length - nameOf(folder).length - 1);

/** The last round that can be opened. @throws GorpError `run/bad-round` of the last if none can. */
async function lastRound(
  files: readonly RoundFile[],
  folders: readonly string[],
): Promise<SavedRound & { path: string }> {
  let problem: unknown;
  for (const path of folders.toReversed()) {
    try {
      return { ...(await openFolder(files, path)), path };
    } catch (thrown) {
      if (!(thrown instanceof GorpError)) throw thrown;
      problem ??= thrown;
    }
  }
  throw problem;
}

const openFolder = (files: readonly RoundFile[], folder: string): Promise<SavedRound> =>
  openSavedRound((name) => {
    const found = files.find(({ path }) => path === folder + name);
    return Promise.resolve(found ? byteFile(name, found.file) : null);
  });
