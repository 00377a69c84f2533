import { type ErrorReport, GorpError, reportOf } from '../../base/errors.ts';
import type { AheadFunctions, PreviewAnswer, PreviewCommand } from '../../worker/protocol.ts';
import { callOnce } from './worker-client.ts';

/** Time limit for reading: a tokenizer from an untrusted file may never finish. */
const SECONDS = 30;

/** Requests the first example, answered once. Returns a function that cancels the request. */
export type AskForPreview = (command: PreviewCommand, onAnswer: (answer: PreviewAnswer) => void) => () => void;

/** Asks a worker that lives for this one request. */
export const askPreviewWorker: AskForPreview = (command, onAnswer) =>
  askReader('preview', command, onAnswer, (error) => onAnswer({ type: 'no-preview', error }), {
    name: 'The worker that reads an example',
    nextStep: 'Reload the page, or start a run, which also shows what the model reads.',
  });

/** Calls a function that uses the model's tokenizer, in a worker of its own. */
export function askReader<Name extends 'preview' | 'lengths'>(
  name: Name,
  command: PreviewCommand,
  onAnswer: (answer: Awaited<ReturnType<AheadFunctions[Name]>>) => void,
  onError: (error: ErrorReport) => void,
  words: { name: string; nextStep: string },
): () => void {
  const end = callOnce<AheadFunctions, Name>(
    () => new Worker(new URL('../../worker/ahead.ts', import.meta.url), { type: 'module', name }),
    words,
    name,
    command,
    (answer) => {
      clearTimeout(timer);
      onAnswer(answer);
    },
    (error) => {
      clearTimeout(timer);
      onError(error);
    },
  );
  const cancel = (): void => {
    clearTimeout(timer);
    end();
  };
  const timer = setTimeout(() => {
    cancel();
    onError(reportOf(tooSlow(command.settings.model)));
  }, 1000 * SECONDS);
  return cancel;
}

const tooSlow = (model: string): GorpError =>
  new GorpError(
    'worker/too-slow',
    `Reading the texts took over ${SECONDS} seconds: a server did not answer, or the tokenizer of ${model} is too slow.`,
    "Try again, or use the tokenizer.json published with the model's weights.",
  );
