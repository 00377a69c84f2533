import * as v from 'valibot';
import { GorpError } from '../../base/errors.ts';
import { formatBytes } from '../../base/units.ts';
import { gunzippedWhole } from '../../base/gunzip.ts';
import { goneSetting } from '../../methods/parts/gone-settings.ts';
import { type Results, ResultsSchema, parseLines } from '../../run/results/results.ts';
import { whole } from '../ui/format.ts';
import { gzipJson } from './history.ts';
import { bytesOfHash, linkWith } from './set-up.ts';

const VERSION = 2;
const HeadSchema = v.object({ schema: v.literal('gorp-web/results'), version: v.number() });

/** How many bytes results, and the runs of a packed part, may take: far more than those of any study. */
const MOST_BYTES = 256 * 2 ** 20;

/**
 * The runs in a file: the one of a results file, or those of a study (`RUN.jsonl`, or a part: `PART.jsonl.gz`), except
 * for runs that failed.
 *
 * @param mostBytes that a file, or what a packed part holds, may take.
 * @throws GorpError as {@link parseResultsFile}; `run/bad-results`, naming the line.
 */
export async function runsIn(file: File, mostBytes = MOST_BYTES): Promise<Results[]> {
  const { name, size } = file;
  if (size > mostBytes) {
    throw new GorpError(
      'run/bad-results-file',
      `${name} takes ${formatBytes(size)}; the limit is ${formatBytes(mostBytes)}.`,
      'Choose a file that “Download results” or the command line wrote; of a study, one with fewer runs.',
    );
  }
  if (!/\.jsonl(?:\.gz)?$/.test(name)) return [parseResultsFile(await file.text(), name)];
  const text = name.endsWith('.gz') ? await unpacked(file, mostBytes) : await file.text();
  return parseLines(text, name).flatMap((run) => ('results' in run ? [run.results] : []));
}

/** Whether a file is the report of a study, which has its title first. */
export const isReport = async (file: File): Promise<boolean> =>
  file.name === 'report.json' && /^\{\s*"title":/.test(await file.slice(0, 100).text());

async function unpacked(file: File, mostBytes: number): Promise<string> {
  try {
    const bytes = await gunzippedWhole(file, mostBytes);
    if (bytes === null) throw new Error(`it has more than ${formatBytes(mostBytes)}`);
    return new TextDecoder().decode(bytes);
  } catch (cause) {
    throw new GorpError(
      'run/bad-results-file',
      `${file.name} cannot be unpacked: ${cause instanceof Error ? cause.message : String(cause)}.`,
      'Copy the file again from the folder of the study.',
      { cause },
    );
  }
}

/**
 * Reads a results file.
 *
 * @param name file name, for error messages.
 * @throws GorpError `run/results-version` for a results file of another version, `run/bad-results-file`, naming the
 * field, for one that was damaged or edited, `settings/gone` for settings that are gone, `run/no-results-file` for
 * anything else.
 */
export function parseResultsFile(text: string, name: string): Results {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw noResultsFile(name, cause);
  }
  const head = v.safeParse(HeadSchema, json);
  if (!head.success) throw noResultsFile(name, head.issues);
  const { version } = head.output;
  if (version !== VERSION) {
    throw new GorpError(
      'run/results-version',
      `${name} is a results file of version ${version}, but this page reads version ${VERSION}.`,
      version > VERSION
        ? 'Reload the page, or open the file with the newer gorp-web that wrote it.'
        : 'Open it with the version of gorp-web that wrote it, or repeat the run with its settings.',
    );
  }
  const parsed = v.safeParse(ResultsSchema, json, { abortEarly: true });
  if (!parsed.success) {
    const gone = goneSetting(parsed.issues, name);
    if (gone) throw gone;
    const [issue] = parsed.issues;
    throw new GorpError(
      'run/bad-results-file',
      `${name} is a damaged results file: ${v.getDotPath(issue) ?? 'its content'}: ${issue.message}.`,
      'Download the file again from the browser that wrote it, and do not edit it.',
      { cause: parsed.issues },
    );
  }
  return parsed.output;
}

/** The key before results in the hash of an address. */
const KEY = 'results';
/** The longest link, in characters: Firefox opens addresses of up to 2^20, Chromium of twice as many. */
const LONGEST_LINK = 1_000_000;

/**
 * The address of this page with results in its hash, which browsers do not send to servers.
 *
 * @throws GorpError `run/results-link-too-long`.
 */
export async function resultsLink(page: string, results: Results, longest = LONGEST_LINK): Promise<string> {
  const link = linkWith(page, KEY, await gzipJson(results));
  if (link.length <= longest) return link;
  throw new GorpError(
    'run/results-link-too-long',
    `A link to these results would have ${whole(link.length)} characters; not every browser opens more than ${whole(longest)}.`,
    'Use “Download results (JSON)”, and send the file: “Open results…” shows it in the same way.',
  );
}

/** Whether the hash of an address is that of a link to results, whole or not. */
export const holdsResults = (hash: string): boolean => bytesOfHash(hash, KEY) !== undefined;

/**
 * The results in the hash of an address; null if it has none.
 *
 * @throws GorpError `run/bad-results-link` for a link that is cut off or damaged, and as {@link parseResultsFile}.
 */
export async function resultsOfHash(hash: string, mostBytes = MOST_BYTES): Promise<Results | null> {
  const packed = bytesOfHash(hash, KEY);
  if (packed === undefined) return null;
  let bytes: Uint8Array | null = null;
  try {
    bytes = packed && (await gunzippedWhole(new Blob([packed]), mostBytes));
  } catch {
    // Said below.
  }
  if (bytes !== null) return parseResultsFile(new TextDecoder().decode(bytes), 'The link');
  throw new GorpError(
    'run/bad-results-link',
    'The link to results was cut off or changed on its way.',
    'Copy the whole link again, or ask for the results file: “Open results…” shows it in the same way.',
  );
}

const noResultsFile = (name: string, cause: unknown): GorpError =>
  new GorpError(
    'run/no-results-file',
    `${name} is not a gorp-web results file.`,
    'Choose a JSON file that “Download results” or the command line wrote.',
    { cause },
  );
