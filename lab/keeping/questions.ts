import type { MakePlugin } from '../../src/index.ts';
import { COMMON_QUESTIONS, isRight, questionsOf } from '../../src/tasks/common-questions.ts';

/**
 * Ninety more questions of the kinds of {@link COMMON_QUESTIONS}, which a run asks by itself. Written for this project.
 */
const MORE = questionsOf({
  capitals: {
    spain: ['What is the capital of Spain?', 'Madrid'],
    germany: ['What is the capital of Germany?', 'Berlin'],
    china: ['What is the capital of China?', 'Beijing', 'Peking'],
    russia: ['What is the capital of Russia?', 'Moscow'],
    greece: ['What is the capital of Greece?', 'Athens'],
    egypt: ['What is the capital of Egypt?', 'Cairo'],
  },
  colours: {
    snow: ['What color is snow?', 'white'],
    lemon: ['What color is a lemon?', 'yellow'],
    'fire-engine': ['What color are most fire engines?', 'red'],
    leaves: ['What color are the leaves of trees in summer?', 'green'],
    carrot: ['What color is a carrot?', 'orange'],
    milk: ['What color is milk?', 'white'],
  },
  opposites: {
    day: ['What is the opposite of day?', 'night'],
    fast: ['What is the opposite of fast?', 'slow'],
    light: ['What is the opposite of light?', 'dark', 'darkness', 'heavy'],
    old: ['What is the opposite of old?', 'young', 'new'],
    open: ['What is the opposite of open?', 'closed', 'close', 'shut'],
    wet: ['What is the opposite of wet?', 'dry'],
  },
  animals: {
    'young-cow': ['What is a young cow called?', 'calf'],
    meows: ['Which pet animal meows?', 'cat', 'cats'],
    neck: ['Which animal has the longest neck?', 'giraffe', 'giraffes'],
    stripes: ['Which African animal looks like a horse with black and white stripes?', 'zebra', 'zebras'],
    king: ['Which animal is called the king of the jungle?', 'lion', 'lions'],
    hops: ['Which Australian animal hops and carries its young in a pouch?', 'kangaroo', 'kangaroos'],
  },
  counts: {
    year: ['How many months are in a year?', 'twelve'],
    hour: ['How many minutes are in one hour?', 'sixty'],
    day: ['How many hours are in one day?', 'twenty-four', 'twenty four'],
    dog: ['How many legs does a dog have?', 'four'],
    triangle: ['How many sides does a triangle have?', 'three'],
    hand: ['How many fingers are on one hand?', 'five'],
  },
  body: {
    hear: ['Which part of the body do we hear with?', 'ears', 'ear'],
    smell: ['Which part of the body do we smell with?', 'nose'],
    think: ['Which organ do people think with?', 'brain'],
    taste: ['Which part of the body do we taste food with?', 'tongue', 'taste buds', 'mouth'],
    bones: ['What is the frame of all bones in the body called?', 'skeleton', 'skeletal system'],
    largest: ['What is the largest organ of the human body?', 'skin'],
  },
  science: {
    boils: ['What does water turn into when it boils?', 'steam', 'vapor', 'vapour', 'gas', 'water vapor'],
    breathe: ['Which gas in the air do people need to breathe?', 'oxygen'],
    compass: ['In which direction does a compass needle point?', 'north', 'magnetic north'],
    salt: ['What is the common name of sodium chloride?', 'salt', 'table salt'],
    gold: ['Which metal has the chemical symbol Au?', 'gold'],
    temperature: ['Which instrument measures temperature?', 'thermometer', 'thermometers'],
  },
  continents: {
    india: ['On which continent is India?', 'Asia'],
    kenya: ['On which continent is Kenya?', 'Africa'],
    canada: ['On which continent is Canada?', 'North America'],
    spain: ['On which continent is Spain?', 'Europe'],
    argentina: ['On which continent is Argentina?', 'South America'],
    nigeria: ['On which continent is Nigeria?', 'Africa'],
  },
  languages: {
    france: ['What language do people speak in France?', 'French'],
    italy: ['What language do people speak in Italy?', 'Italian'],
    japan: ['What language do people speak in Japan?', 'Japanese'],
    spain: ['What language do people speak in Spain?', 'Spanish'],
    greece: ['What language do people speak in Greece?', 'Greek'],
    poland: ['What language do people speak in Poland?', 'Polish'],
  },
  forms: {
    foot: ['What is the plural of the word "foot"?', 'feet'],
    tooth: ['What is the plural of the word "tooth"?', 'teeth'],
    man: ['What is the plural of the word "man"?', 'men'],
    see: ['What is the past tense of the verb "see"?', 'saw'],
    run: ['What is the past tense of the verb "run"?', 'ran'],
    take: ['What is the past tense of the verb "take"?', 'took'],
  },
  occupations: {
    fires: ['What do you call a person who puts out fires?', 'firefighter', 'fireman', 'fire fighter'],
    books: ['What do you call a person who writes books?', 'author', 'writer', 'novelist'],
    farm: ['What do you call a person who works on a farm?', 'farmer', 'farm worker'],
    paints: ['What do you call a person who paints pictures?', 'painter', 'artist'],
    hair: ['What do you call a person who cuts hair?', 'barber', 'hairdresser', 'hair stylist', 'hairstylist'],
    sings: ['What do you call a person who sings songs?', 'singer', 'vocalist'],
  },
  tools: {
    soup: ['What do you eat soup with?', 'spoon'],
    door: ['What do you put into a lock to open a door?', 'key', 'keys'],
    stars: ['Which instrument do people use to look at distant stars?', 'telescope', 'telescopes'],
    photo: ['What device do you use to take a photo?', 'camera'],
    brush: ['What do you use to brush your teeth?', 'toothbrush', 'tooth brush'],
    write: ['What do you use to write on a blackboard?', 'chalk'],
  },
  order: {
    friday: ['Which day comes after Friday?', 'Saturday'],
    june: ['Which month comes after June?', 'July'],
    spring: ['Which season comes after spring?', 'summer'],
    may: ['Which month comes right before May?', 'April'],
    year: ['What is the first month of the year?', 'January'],
    last: ['What is the last month of the year?', 'December'],
  },
  sources: {
    milk: ['Which farm animal gives us most of our milk?', 'cow', 'cows'],
    eggs: ['Which farm birds lay the eggs that people eat?', 'chickens', 'chicken', 'hens', 'hen'],
    bread: ['Which grain is most bread made from?', 'wheat'],
    wood: ['Which plants does wood come from?', 'trees', 'tree'],
    chips: ['Which vegetable are French fries made from?', 'potato', 'potatoes'],
    paper: ['What are most books printed on?', 'paper'],
  },
  sayings: {
    bird: ['Complete the saying: The early bird catches the', 'worm'],
    cover: ["Complete the saying: Don't judge a book by its", 'cover'],
    time: ['Complete the saying: Time is', 'money'],
    heads: ['Complete the saying: Two heads are better than', 'one'],
    honesty: ['Complete the saying: Honesty is the best', 'policy'],
    home: ['Complete the saying: There is no place like', 'home'],
  },
});

/** Those that SmolLM2-135M-Instruct answers rightly before it is taught anything: the others show no loss. */
const KNOWN =
  `capitals/germany capitals/china capitals/russia capitals/greece capitals/egypt colours/fire-engine colours/leaves opposites/day opposites/fast opposites/light opposites/old opposites/open opposites/wet animals/meows animals/neck animals/hops counts/day counts/dog counts/triangle counts/hand body/hear body/smell body/think body/taste science/boils science/breathe science/salt science/gold science/temperature continents/india continents/kenya continents/spain continents/argentina continents/nigeria languages/italy languages/japan forms/foot forms/see forms/take occupations/books occupations/farm occupations/paints tools/stars order/spring order/year order/last sources/milk sources/bread sources/wood sources/chips sayings/bird sayings/cover sayings/heads sayings/honesty`.split(
    /\s+/,
  );

const ALL = [...COMMON_QUESTIONS, ...MORE];
const ASKED = MORE.filter(({ id }) => KNOWN.includes(id));

/** A plugin whose probe counts how many of them a model still answers rightly. */
const plugin: MakePlugin = () => ({
  interface: 1,
  name: 'more-questions',
  probes: [
    {
      name: 'still-right',
      title: `of ${ASKED.length} more questions of common knowledge, still right`,
      measure: async ({ answer }) => {
        const answers = await answer(ASKED.map(({ question }) => question));
        return ASKED.filter((one, i) => isRight(one, answers[i], ALL)).length;
      },
    },
  ],
});
export default plugin;
