import type { Item, TaskSource } from './split.ts';
import type { PartOfSpeech, Synset, WordNet } from './wordnet.ts';

/** The fields of an emoji in `emojibase-data/en/data.json` that are used. */
export interface Emoji {
  label: string;
  tags?: string[];
  group?: number;
  subgroup?: number;
}

const TOPIC = 'What is the topic of the following paragraph? Choose one from the option.';
const SENTIMENT = 'What is the sentiment of the following paragraph? Choose one from the option.';
const LONGEST_TEXT = 30; // words; keeps the prompt within 96 tokens for the 95th percentile

export const words = (text: string): number => text.split(/\s+/).filter(Boolean).length;
export const firstWords = (text: string, count: number): string => text.split(/\s+/).slice(0, count).join(' ');

/** Definitions of nouns, by their lexicographer file. */
export function glossTask(wordnet: WordNet): TaskSource {
  const topics: Record<string, string> = {
    'noun.animal': 'animal',
    'noun.plant': 'plant',
    'noun.food': 'food',
    'noun.person': 'person',
    'noun.location': 'place',
    'noun.body': 'body',
    'noun.artifact': 'object',
    'noun.feeling': 'feeling',
  };
  const items: Item[] = [];
  for (const synset of wordnet.synsets.values()) {
    const label = topics[synset.lexicographer];
    if (label === undefined || words(synset.definition) < 4) continue;
    items.push({ label, sentence: firstWords(synset.definition, LONGEST_TEXT), core: withoutMark(synset.definition) });
  }
  const labels = Object.values(topics);
  return { name: 'gloss', kind: 'TC', instruction: TOPIC, labels, items, trainSize: 1200, testSize: 240 };
}

// WordNet's domain of usage (first word of the `;c` target) → label of the task.
const FIELDS: Record<string, string> = {
  law: 'law',
  music: 'music',
  chemistry: 'science',
  physics: 'science',
  biology: 'science',
  sport: 'sport',
  athletics: 'sport',
  baseball: 'sport',
  football: 'sport',
  tennis: 'sport',
  golf: 'sport',
  military: 'war',
  'armed forces': 'war',
  navy: 'war',
  'computer science': 'computer',
  computing: 'computer',
};

/** The first domain of usage that a synset names, or undefined. */
export function domainOf(synset: Synset, wordnet: WordNet): string | undefined {
  const pointer = synset.pointers.find(({ symbol }) => symbol === ';c');
  return pointer && wordnet.synsets.get(pointer.key)?.words[0];
}

/** WordNet marks a domain in front of some definitions, "(music) …": the answer, so it is removed. */
export const withoutMark = (definition: string): string => definition.replace(/^\([^)]*\)\s*/, '');

/** Terms with their definitions, by the field they belong to. */
export function fieldTask(wordnet: WordNet): TaskSource {
  const items: Item[] = [];
  for (const synset of wordnet.synsets.values()) {
    const label = FIELDS[domainOf(synset, wordnet) ?? ''];
    if (label === undefined || words(synset.definition) < 3) continue;
    const definition = withoutMark(synset.definition);
    const sentence = firstWords(`${synset.words[0] ?? ''}: ${definition}`, LONGEST_TEXT);
    items.push({ label, sentence, core: definition });
  }
  const labels = ['science', 'sport', 'war', 'law', 'music', 'computer'];
  return { name: 'field', kind: 'TC', instruction: TOPIC, labels, items, trainSize: 1000, testSize: 200 };
}

// Words of an instance's broader term → label of the task.
const OCCUPATIONS: Record<string, string> = {
  writer: 'writer',
  poet: 'writer',
  novelist: 'writer',
  dramatist: 'writer',
  composer: 'musician',
  musician: 'musician',
  singer: 'musician',
  painter: 'artist',
  sculptor: 'artist',
  artist: 'artist',
  physicist: 'scientist',
  chemist: 'scientist',
  mathematician: 'scientist',
  biologist: 'scientist',
  astronomer: 'scientist',
  politician: 'leader',
  statesman: 'leader',
  king: 'leader',
  'President of the United States': 'leader',
};

/** Well-known people, by what they were. */
export function peopleTask(wordnet: WordNet): TaskSource {
  const items: Item[] = [];
  for (const synset of wordnet.synsets.values()) {
    if (synset.lexicographer !== 'noun.person' || words(synset.definition) < 4) continue;
    const label = synset.pointers
      .filter(({ symbol }) => symbol === '@i')
      .flatMap(({ key }) => wordnet.synsets.get(key)?.words ?? [])
      .map((word) => OCCUPATIONS[word])
      .find((found) => found !== undefined);
    if (label === undefined) continue;
    const sentence = firstWords(`${synset.words.at(-1) ?? ''}: ${synset.definition}`, LONGEST_TEXT);
    items.push({ label, sentence, core: withoutMark(synset.definition) });
  }
  const labels = ['artist', 'leader', 'writer', 'scientist', 'musician'];
  return { name: 'people', kind: 'TC', instruction: TOPIC, labels, items, trainSize: 600, testSize: 150 };
}

const EMOJI_GROUPS: Record<number, string> = {
  0: 'face',
  1: 'people',
  3: 'nature',
  4: 'food',
  5: 'travel',
  7: 'object',
  8: 'symbol',
};

/** Name and tags of an emoji as one text. */
export const emojiText = (emoji: Emoji): string => `${emoji.label}: ${(emoji.tags ?? []).slice(0, 10).join(' ')}`;

/** Emoji described by name and tags, by their Unicode group. */
export function emojiTask(emoji: readonly Emoji[]): TaskSource {
  const items: Item[] = [];
  for (const one of emoji) {
    const label = EMOJI_GROUPS[one.group ?? -1];
    if (label === undefined) continue;
    items.push({ label, sentence: emojiText(one), core: one.label });
  }
  const labels = Object.values(EMOJI_GROUPS);
  return { name: 'emoji', kind: 'TC', instruction: TOPIC, labels, items, trainSize: 770, testSize: 210 };
}

/**
 * Definitions that read well or badly. The label is derived, not annotated: the valence that VADER gives the word is
 * applied to the definition of the word's first sense.
 */
export function moodTask(wordnet: WordNet, vaderLexicon: string): TaskSource {
  const items: Item[] = [];
  const used = new Set<string>();
  for (const line of vaderLexicon.split('\n')) {
    const [word = '', valence = ''] = line.split('\t');
    if (!/^[a-z]{3,}$/.test(word) || !(Math.abs(Number(valence)) >= 1.2)) continue;
    const synset = (['a', 'n', 'v', 'r'] as const)
      .map((pos) => wordnet.synsets.get(wordnet.senses(pos, word)[0] ?? ''))
      .find((found) => found !== undefined && !used.has(found.key) && words(found.definition) >= 3);
    if (synset === undefined) continue;
    used.add(synset.key);
    const example = synset.examples[0];
    const sentence = firstWords(synset.definition + (example ? ` : ${example}` : ''), LONGEST_TEXT);
    items.push({ label: Number(valence) > 0 ? 'good' : 'bad', sentence, core: withoutMark(synset.definition) });
  }
  return {
    name: 'mood',
    kind: 'SC',
    instruction: SENTIMENT,
    labels: ['good', 'bad'],
    items,
    trainSize: 1200,
    testSize: 240,
  };
}

const WORD_CLASSES: Record<PartOfSpeech, string> = { n: 'noun', v: 'verb', a: 'adjective', r: 'adverb' };

/** Definitions, by the part of speech of the words that they define. */
export function posTask(wordnet: WordNet): TaskSource {
  const items: Item[] = [];
  for (const { definition, pos } of wordnet.synsets.values()) {
    if (words(definition) < 4) continue;
    const sentence = firstWords(withoutMark(definition), LONGEST_TEXT);
    items.push({ label: WORD_CLASSES[pos], sentence, core: withoutMark(definition) });
  }
  const labels = Object.values(WORD_CLASSES);
  return { name: 'pos', kind: 'TC', instruction: TOPIC, labels, items, trainSize: 1200, testSize: 240 };
}

const ACTIONS: Record<string, string> = {
  'verb.motion': 'motion',
  'verb.communication': 'speech',
  'verb.cognition': 'thought',
  'verb.contact': 'contact',
  'verb.possession': 'money',
  'verb.emotion': 'emotion',
};

/** Definitions of verbs with an example, by their lexicographer file. */
export function actionTask(wordnet: WordNet): TaskSource {
  const items: Item[] = [];
  for (const { definition, examples, lexicographer } of wordnet.synsets.values()) {
    const label = ACTIONS[lexicographer];
    if (label === undefined || words(definition) < 3) continue;
    const [example] = examples;
    const sentence = firstWords(definition + (example ? ` : ${example}` : ''), LONGEST_TEXT);
    items.push({ label, sentence, core: withoutMark(definition) });
  }
  const labels = Object.values(ACTIONS);
  return { name: 'action', kind: 'TC', instruction: TOPIC, labels, items, trainSize: 1200, testSize: 240 };
}

const NOTIONS: Record<string, string> = {
  'noun.act': 'act',
  'noun.event': 'event',
  'noun.state': 'state',
  'noun.time': 'time',
  'noun.quantity': 'number',
  'noun.group': 'group',
};

/** Definitions of abstract nouns, by their lexicographer file; none from those that `gloss` uses. */
export function notionTask(wordnet: WordNet): TaskSource {
  const items: Item[] = [];
  for (const { definition, lexicographer } of wordnet.synsets.values()) {
    const label = NOTIONS[lexicographer];
    if (label === undefined || words(definition) < 4) continue;
    items.push({ label, sentence: firstWords(withoutMark(definition), LONGEST_TEXT), core: withoutMark(definition) });
  }
  const labels = Object.values(NOTIONS);
  return { name: 'notion', kind: 'TC', instruction: TOPIC, labels, items, trainSize: 1200, testSize: 240 };
}
