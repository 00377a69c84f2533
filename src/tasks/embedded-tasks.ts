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
