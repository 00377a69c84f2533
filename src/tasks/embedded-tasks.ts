import * as v from 'valibot';
import type { ReadText } from './benchmark.ts';
import { embeddedTask } from './orders.ts';
import type { Task } from './task.ts';

/** How the page describes a task. */
export interface TaskCard {
  name: string;
  /** The question that the model answers. */
  question: string;
  labels: readonly string[];
}

export const EMBEDDED_TASKS: readonly TaskCard[] = [
  {
    name: 'gloss',
    question: 'What does a dictionary definition describe?',
    labels: ['animal', 'plant', 'food', 'person', 'place', 'body', 'object', 'feeling'],
  },
  {
    name: 'field',
    question: 'Which field is a word from?',
    labels: ['science', 'sport', 'war', 'law', 'music', 'computer'],
  },
  {
    name: 'people',
    question: 'What was a person known for?',
    labels: ['artist', 'leader', 'writer', 'scientist', 'musician'],
  },
  {
    name: 'emoji',
    question: 'Which group does an emoji belong to?',
    labels: ['face', 'people', 'nature', 'food', 'travel', 'object', 'symbol'],
  },
  { name: 'mood', question: 'Is a word’s meaning good or bad? Hard for a small model.', labels: ['good', 'bad'] },
  { name: 'pos', question: 'What kind of word is defined?', labels: ['noun', 'verb', 'adjective', 'adverb'] },
  {
    name: 'action',
    question: 'What kind of action does a verb name?',
    labels: ['motion', 'speech', 'thought', 'contact', 'money', 'emotion'],
  },
  {
    name: 'notion',
    question: 'What kind of thing does an abstract noun name?',
    labels: ['act', 'event', 'state', 'time', 'number', 'group'],
  },
];

/**
 * Tests of what the embedded models can do before they learn, from texts as in their pre-training that they have not
 * read. These tasks can only be tested:
 *
 * - `kinds`: what kind of thing a definition describes, in a word.
 * - `definitions`: lines of running text, words and what they mean. Only the LLaMA has learned to continue a text.
 */
export const EMBEDDED_TEXTS = {
  kinds: { path: 'texts/kinds.json', count: 100 },
  definitions: { path: 'texts/definitions.json', count: 64 },
} as const;
type EmbeddedText = keyof typeof EMBEDDED_TEXTS;

/** Whether a task can only be tested, since nothing comes with it to train on. */
export const isEmbeddedText = (name: string): name is EmbeddedText => Object.hasOwn(EMBEDDED_TEXTS, name);

/** Whether a task of that name comes with the app. */
export const isEmbedded = (name: string): boolean => embeddedTask(name) !== null || isEmbeddedText(name);

const Rows = v.array(v.strictObject({ sentence: v.string(), label: v.string() }));

/** Loads one of {@link EMBEDDED_TEXTS}. @param read reads files of the embedded tasks. */
export async function loadEmbeddedText(read: ReadText, name: EmbeddedText): Promise<Task> {
  const test = v.parse(Rows, JSON.parse(await read(EMBEDDED_TEXTS[name].path)));
  const rest = { name, instruction: null, labels: [], train: [], dev: [], test };
  return name === 'definitions'
    ? { ...rest, kind: 'Text', form: 'text' }
    : { ...rest, kind: 'QA', form: 'free', frame: { before: 'kind: ', after: '' } };
}
