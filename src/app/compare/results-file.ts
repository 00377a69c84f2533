import * as v from 'valibot';
import { GorpError } from '../../base/errors.ts';
import { type Results, ResultsSchema } from '../../run/results.ts';

const VERSION = 2;
const HeadSchema = v.object({ schema: v.literal('gorp-web/results'), version: v.number() });

/**
 * Reads a results file.
 *
 * @param name file name, for error messages.
 * @throws GorpError `run/results-version` for a results file of another version, `run/bad-results-file`, naming the
 * field, for one that was damaged or edited, `run/no-results-file` for anything else.
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
  const parsed = v.safeParse(ResultsSchema, json);
  if (!parsed.success) {
    const [issue] = parsed.issues;
    throw new GorpError(
      'run/bad-results-file',
      `${name} is a damaged results file: ${v.getDotPath(issue) ?? 'its content'}: ${issue.message}.`,
      'Download the file again from the browser that wrote it, and do not edit it.',
      { cause: parsed.issues },
    );
  }
  const { curves } = parsed.output;
  if (new Set(Object.values(curves).map(({ length }) => length)).size > 1) {
    throw new GorpError(
      'run/bad-results-file',
      `${name} is a damaged results file: its curves differ in length.`,
      'Download the file again from the browser that wrote it, and do not edit it.',
    );
  }
  return parsed.output;
}

const noResultsFile = (name: string, cause: unknown): GorpError =>
  new GorpError(
    'run/no-results-file',
    `${name} is not a gorp-web results file.`,
    'Choose a JSON file that “Download results” or the command line wrote.',
    { cause },
  );
