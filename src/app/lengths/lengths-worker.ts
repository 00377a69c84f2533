import type { LengthsAnswer, PreviewCommand } from '../../worker/protocol.ts';
import { askReader } from '../preview/preview-worker.ts';

/** Requests the lengths of the texts, answered once. Returns a function that cancels the request. */
export type AskForLengths = (command: PreviewCommand, onAnswer: (answer: LengthsAnswer) => void) => () => void;

/** Asks a worker that lives for this one request. */
export const askLengthsWorker: AskForLengths = (command, onAnswer) =>
  askReader('lengths', command, onAnswer, (error) => onAnswer({ type: 'not-counted', error }), {
    name: 'The worker that counts the texts’ tokens',
    nextStep: 'Reload the page, or start a run, which also says how many texts are cut.',
  });
