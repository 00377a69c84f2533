/**
 * Sixty short questions of common knowledge: what people ask to see whether a model is still what it was. Fifteen kinds,
 * four of each. None shares a fact or a kind of question with the general prompts that methods protect
 * (general-prompts.ts), so that their protection has to carry over. Written for this project.
 */

/** A question of common knowledge. */
export interface CommonQuestion {
  /** Stays the same when others are added. */
  readonly id: string;
  readonly kind: string;
  readonly question: string;
  /** Right answers, in words. Numbers also count in digits. */
  readonly accepted: readonly string[];
}

/** Questions of a kind by the end of their id: the question, then its right answers. */
type Written = Readonly<Record<string, readonly [question: string, ...accepted: string[]]>>;

/** Questions as they are written, as a list. */
export const questionsOf = (kinds: Readonly<Record<string, Written>>): CommonQuestion[] =>
  Object.entries(kinds).flatMap(([kind, written]) =>
    Object.entries(written).map(([id, [question, ...accepted]]): CommonQuestion => ({
      id: `${kind}/${id}`,
      kind,
      question,
      accepted,
    })),
  );

export const COMMON_QUESTIONS: readonly CommonQuestion[] = questionsOf({
  capitals: {
    france: ['What is the capital of France?', 'Paris'],
    japan: ['What is the capital of Japan?', 'Tokyo'],
    italy: ['What is the capital of Italy?', 'Rome'],
    england: ['What is the capital of England?', 'London'],
  },
  colours: {
    grass: ['What color is fresh grass?', 'green'],
    banana: ['What color is a ripe banana?', 'yellow'],
    blood: ['What color is blood?', 'red'],
    coal: ['What color is coal?', 'black'],
  },
  opposites: {
    hot: ['What is the opposite of hot?', 'cold', 'cool'],
    big: ['What is the opposite of big?', 'small', 'little', 'tiny'],
    up: ['What is the opposite of up?', 'down'],
    happy: ['What is the opposite of happy?', 'sad', 'unhappy'],
  },
  animals: {
    'young-dog': ['What is a young dog called?', 'puppy', 'pup'],
    'young-cat': ['What is a young cat called?', 'kitten', 'kitty'],
    barks: ['Which pet animal barks?', 'dog', 'dogs'],
    trunk: ['Which large animal has a trunk?', 'elephant', 'elephants'],
  },
  counts: {
    week: ['How many days are in a week?', 'seven'],
    dozen: ['How many eggs are in a dozen?', 'twelve'],
    spider: ['How many legs does a spider have?', 'eight'],
    minute: ['How many seconds are in one minute?', 'sixty'],
  },
  body: {
    heart: ['Which organ pumps blood through the body?', 'heart'],
    see: ['Which part of the body do we see with?', 'eyes', 'eye'],
    lungs: ['Which organs do people breathe with?', 'lungs', 'lung'],
    chew: ['What do people chew their food with?', 'teeth', 'tooth'],
  },
  science: {
    ice: ['What is frozen water called?', 'ice'],
    h2o: ['Which substance has the chemical formula H2O?', 'water'],
    gravity: ['What force makes things fall to the ground?', 'gravity', 'gravitational force', 'gravitation'],
    magnet: ['Which metal do magnets attract most?', 'iron'],
  },
  continents: {
    egypt: ['On which continent is Egypt?', 'Africa'],
    brazil: ['On which continent is Brazil?', 'South America'],
    china: ['On which continent is China?', 'Asia'],
    germany: ['On which continent is Germany?', 'Europe'],
  },
  languages: {
    brazil: ['What language do people speak in Brazil?', 'Portuguese'],
    mexico: ['What language do most people speak in Mexico?', 'Spanish'],
    germany: ['What language do people speak in Germany?', 'German'],
    russia: ['What language do most people speak in Russia?', 'Russian'],
  },
  forms: {
    child: ['What is the plural of the word "child"?', 'children'],
    mouse: ['What is the plural of the word "mouse"?', 'mice'],
    go: ['What is the past tense of the verb "go"?', 'went'],
    eat: ['What is the past tense of the verb "eat"?', 'ate'],
  },
  occupations: {
    bread: ['What do you call a person who bakes bread for a living?', 'baker'],
    teaches: ['What do you call a person who teaches children at school?', 'teacher', 'educator', 'schoolteacher'],
    plane: ['What do you call a person who flies a plane?', 'pilot', 'aviator'],
    teeth: ['What do you call a doctor who takes care of teeth?', 'dentist'],
  },
  tools: {
    nail: ['Which tool do you use to drive a nail into wood?', 'hammer'],
    time: ['What do people wear on the wrist to tell the time?', 'watch', 'wristwatch'],
    rain: ['What do you hold over your head when it rains?', 'umbrella'],
    paper: ['Which tool do you use to cut paper?', 'scissors'],
  },
  order: {
    monday: ['Which day comes after Monday?', 'Tuesday'],
    march: ['Which month comes after March?', 'April'],
    winter: ['Which season comes after winter?', 'spring'],
    b: ['Which letter of the alphabet comes after B?', 'C'],
  },
  sources: {
    honey: ['Which insects make honey?', 'bees', 'bee', 'honeybees', 'honeybee'],
    wool: ['Which animal gives us wool?', 'sheep', 'lamb'],
    wine: ['Which fruit is wine made from?', 'grapes', 'grape'],
    cheese: ['What is cheese made from?', 'milk'],
  },
  sayings: {
    apple: ['Complete the saying: An apple a day keeps the', 'doctor', 'doctors'],
    better: ['Complete the saying: Better late than', 'never'],
    actions: ['Complete the saying: Actions speak louder than', 'words'],
    practice: ['Complete the saying: Practice makes', 'perfect'],
  },
});

/** Numbers as words, up to those that an answer may be; the index is the number. */
const NUMBER_WORDS =
  'zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen'.split(
    ' ',
  );
const TENS = ['twenty', 'thirty', 'forty', 'fifty', 'sixty', 'seventy', 'eighty', 'ninety'];
const NUMBER = new RegExp(
  `(?<![\\p{L}\\p{N}])(?:(${TENS.join('|')})(?:[- ](${NUMBER_WORDS.slice(1, 10).join('|')}))?|(${NUMBER_WORDS.join('|')}))(?![\\p{L}\\p{N}])`,
  'gu',
);

/** Lower-case words with numbers in digits and plain apostrophes; marks of emphasis are gone. */
const plain = (text: string): string =>
  text
    .normalize('NFKC')
    .toLowerCase()
    .replace(/[\u2018\u2019]/g, "'")
    .replace(/[*_`]/g, '')
    .replace(/\s+/g, ' ')
    .replace(NUMBER, (_, tens?: string, unit?: string, small?: string) =>
      String(
        tens === undefined
          ? NUMBER_WORDS.indexOf(small ?? '')
          : 20 + 10 * TENS.indexOf(tens) + (unit === undefined ? 0 : NUMBER_WORDS.indexOf(unit)),
      ),
    );

/** Words between a denial and what it denies: "is not in Africa", "isn't called a puppy". */
const BETWEEN = '(?: (?:a|an|the|in|on|called|from|by|with|really|actually|always|to|at|your|its))*[ ]?["\'(]?';
const DENIED_BEFORE = new RegExp(
  `(?:\\b(?:not|no|never|cannot|neither|nor|without|unlike|except|rather than|instead of|other than)|n't)${BETWEEN}$`,
);
const DENIED_AFTER =
  /^["')]?(?: (?:is|are|was|were|do|does|did|can|has|have) not\b| (?:is|are|was|were|do|does|did|ca|has|have)n't\b| cannot\b)/;

/** Where a text names letters, digits and spaces: their first place that is not denied; -1 if there is none. */
function placeOf(text: string, named: string): number {
  const isNumber = /^\d+$/.test(named);
  // Words joined by a hyphen are one word, and digits beside a point or comma one number.
  const [before, after] = isNumber
    ? ['(?<![\\p{L}\\p{N}]|\\p{N}[.,]|[\\p{L}\\p{N}]-|-)', '(?![\\p{L}\\p{N}]|[.,]\\p{N}|-\\p{N})']
    : ['(?<![\\p{L}\\p{N}]|[\\p{L}\\p{N}]-)', '(?![\\p{L}\\p{N}]|-[\\p{L}\\p{N}])'];
  const pattern = new RegExp(before + named + after, 'gu');
  for (const { index } of text.matchAll(pattern)) {
    const isDenied = DENIED_BEFORE.test(text.slice(0, index)) || DENIED_AFTER.test(text.slice(index + named.length));
    if (!isDenied) return index;
  }
  return -1;
}

/**
 * Whether an answer is right: of all that answers questions of the kind, and is not in this one, it names an accepted
 * answer first. So "Lyon, not Paris" is wrong, and so is a list of colors that begins with another one. What is denied
 * does not count. An answer that is a number competes with every number.
 *
 * @param answer as a model wrote it.
 * @param questions all that are asked; those of the same kind count.
 */
export function isRight(
  { id, kind, question, accepted }: CommonQuestion,
  answer: string,
  questions: readonly CommonQuestion[] = COMMON_QUESTIONS,
): boolean {
  const [text, asked] = [plain(answer), plain(question)];
  const right = accepted.map(plain);
  const first = Math.min(...right.map((one) => placeOf(text, one)).filter((at) => at >= 0));
  if (!Number.isFinite(first)) return false;
  const numbers = right.some((one) => /^\d+$/.test(one)) ? (text.match(/\d+/g) ?? []) : [];
  const others = questions
    .filter((one) => one.kind === kind && one.id !== id)
    .flatMap((one) => one.accepted.map(plain));
  return ![...numbers, ...others].some((other) => {
    if (right.includes(other) || placeOf(asked, other) >= 0) return false;
    const at = placeOf(text, other);
    return at >= 0 && at < first;
  });
}
