import type { Example, Task } from './task.ts';

/**
 * General prompts and answers, as people give them to a model: questions, summaries, rewriting, translation, lists, code,
 * sums and conversation, in several languages. They are never learned. Spaces of inputs hold what they use of a model, so
 * that training stays away from it (docs/method.md, section 4.2). Written for this project.
 */
const PAIRS: readonly (readonly [prompt: string, answer: string])[] = [
  [
    'Why is the sky blue during the day but red in the evening?',
    'Air scatters blue light more than red. In the evening sunlight crosses much more air, so most of the blue is gone before it reaches you.',
  ],
  [
    'Summarize in one sentence: The town council met on Tuesday to discuss the old bridge. Engineers reported that its pillars have cracks. Repairs would cost two million, a new bridge five. The council postponed its decision until spring.',
    'The council put off until spring whether to repair the cracked old bridge for two million or replace it for five.',
  ],
  [
    'Translate into French: The train to Lyon leaves at half past eight from platform two.',
    'Le train pour Lyon part à huit heures et demie du quai numéro deux.',
  ],
  [
    'Write a short e-mail to a colleague asking to move our meeting from Monday to Wednesday.',
    'Hi Anna, something has come up on Monday. Could we move our meeting to Wednesday at the same time? Best regards, Tom',
  ],
  [
    'A shop sells pens for 3 dollars each. If I buy 7 pens and pay with a 50 dollar note, how much change do I get?',
    'Seven pens cost 7 × 3 = 21 dollars, so you get 50 − 21 = 29 dollars back.',
  ],
  [
    'Write a Python function that returns the largest number of a list.',
    'def largest(numbers):\n    best = numbers[0]\n    for number in numbers:\n        if number > best:\n            best = number\n    return best',
  ],
  ['Is this review positive or negative? "The soup was cold and we waited for an hour."', 'Negative.'],
  [
    'Name three things to check before buying a used bicycle.',
    '1. The frame has no cracks or rust. 2. The brakes and gears work. 3. The wheels run straight and the tyres are not worn.',
  ],
  [
    'Explain to a child what a computer does.',
    'A computer follows a long list of very simple instructions, one after another, extremely fast. That is enough to show pictures, play music and count things.',
  ],
  [
    'Correct the grammar: She don’t like when her brothers comes home to late.',
    'She doesn’t like it when her brothers come home too late.',
  ],
  [
    'Wie lange kocht man ein weiches Ei, und worauf sollte man dabei achten?',
    'Etwa fünf Minuten in kochendem Wasser. Danach schreckt man es kurz mit kaltem Wasser ab, damit es nicht weitergart.',
  ],
  [
    'Tell me the beginning of a story about a lighthouse keeper.',
    'Every night for thirty years, old Marten had climbed the two hundred steps to light the lamp. But on the last evening of October, he found it already burning.',
  ],
  [
    'What is the difference between weather and climate?',
    'Weather is what happens in the air today or this week. Climate is the average of the weather over decades.',
  ],
  [
    'Escribe una frase que anime a un amigo antes de un examen.',
    'Has estudiado mucho y sabes más de lo que crees: respira hondo y confía en ti.',
  ],
  [
    'Read the text and answer the question. Text: Maria moved from Porto to Berlin in 2015 and opened a bakery there three years later. Question: In which year did she open the bakery?',
    'In 2018.',
  ],
  [
    'Make this sentence more polite: Send me the report now.',
    'Could you please send me the report as soon as you have a moment?',
  ],
  [
    'Which planet is the largest in our solar system, and how many times wider is it than the Earth?',
    'Jupiter. It is about eleven times as wide as the Earth.',
  ],
  [
    'Extract all dates: The lease began on 1 March 2020, was extended on 14 June 2022 and ends on 28 February 2025.',
    '1 March 2020, 14 June 2022, 28 February 2025',
  ],
  [
    'Comment garder du pain frais plus longtemps ?',
    'Enveloppez-le dans un torchon propre et gardez-le à température ambiante, loin du soleil. Le reste se congèle très bien.',
  ],
  ['Write a haiku about snow.', 'Snow falls on the roof,\nthe street forgets its noises,\none crow keeps talking.'],
  ['Turn this list into JSON: apples 4, pears 7, plums 12.', '{"apples": 4, "pears": 7, "plums": 12}'],
  [
    'My laptop does not turn on. What should I try first?',
    'Plug in the charger and wait a few minutes. If nothing happens, hold the power button for ten seconds, release it and press it again.',
  ],
  [
    'Does the second sentence follow from the first? 1: All of her friends speak Italian. 2: Her friend Paolo speaks Italian.',
    'Yes. If all of her friends speak Italian, then Paolo, who is one of them, does too.',
  ],
  [
    'Come si prepara un buon caffè con la moka?',
    'Riempi la caldaia d’acqua fino alla valvola, metti il caffè nel filtro senza pressarlo e scalda a fuoco basso finché il caffè sale.',
  ],
  [
    'Who wrote the play Hamlet, and what is it about?',
    'William Shakespeare. A prince of Denmark learns that his uncle has murdered his father, and hesitates to take revenge.',
  ],
  [
    'Suggest a title for an article about people who repair old radios.',
    'The Last Listeners: Keeping Old Radios Alive',
  ],
  [
    'Write an SQL query that counts the orders of each customer in 2023.',
    "SELECT customer_id, COUNT(*) AS orders\nFROM orders\nWHERE ordered_at >= '2023-01-01' AND ordered_at < '2024-01-01'\nGROUP BY customer_id;",
  ],
  [
    'Continue the text: The expedition had been walking along the frozen river for nine days. Food was running out, and the dogs',
    'were so tired that two of them had to be carried on the sledge. On the tenth morning, smoke rose behind the hills.',
  ],
  ['用一句话解释什么是光合作用。', '光合作用是植物利用阳光把水和二氧化碳变成养分并放出氧气的过程。'],
  [
    'Give me arguments for and against working from home.',
    'For: no commute, fewer interruptions, more freedom. Against: fewer chance meetings, loneliness, and work that never quite ends.',
  ],
  [
    'What does the phrase "to cut corners" mean? Use it in a sentence.',
    'To do something carelessly in order to save time or money. "The builders cut corners, and now the roof leaks."',
  ],
  ['Convert 68 degrees Fahrenheit to Celsius.', '(68 − 32) × 5 / 9 = 20, so it is 20 degrees Celsius.'],
  [
    'I feel nervous about giving a talk tomorrow.',
    'That is very common. Practise the first two minutes aloud until they feel easy; once you have begun well, the rest usually follows.',
  ],
  [
    'Переведи на английский: Завтра утром мы поедем к бабушке в деревню.',
    'Tomorrow morning we will go to see grandmother in the village.',
  ],
  [
    'Put these events in order: the fall of the Berlin Wall, the first landing on the Moon, the end of the Second World War.',
    'The end of the Second World War (1945), the first landing on the Moon (1969), the fall of the Berlin Wall (1989).',
  ],
  [
    'Explain what this code prints: for i in range(3): print(i * i)',
    'It prints the squares of 0, 1 and 2, one per line: 0, 1 and 4.',
  ],
  [
    'Classify the topic of this headline as sports, politics, science or business: "Central bank raises rates for the third time this year"',
    'business',
  ],
  [
    'Plan a day in a city with two small children.',
    'Morning: the zoo or a playground. Noon: lunch and a rest at home. Afternoon: a boat or tram ride and an ice cream. Be back before dinner.',
  ],
  ['東京から京都まで新幹線でどのくらいかかりますか。', '新幹線でおよそ二時間十五分かかります。'],
  [
    'User: Do you know a good soup for cold days?\nAssistant: How about pumpkin soup with ginger?\nUser: I do not like pumpkin.',
    'Then try lentil soup with carrots and a little lemon. It is warm, filling and quick to make.',
  ],
  [
    'Why do we have leap years?',
    'The Earth takes about 365 and a quarter days to go around the Sun. An extra day every four years makes up for the quarters.',
  ],
  [
    'Shorten this to ten words: The museum will be closed for renovation from the beginning of May until the end of September next year.',
    'The museum is closed for renovation from May to September.',
  ],
  ['Hoe zeg je in het Engels: "Ik heb mijn sleutels weer verloren"?', 'You say: "I have lost my keys again."'],
  [
    'Find the mistake: A triangle has sides of 3, 4 and 5, so its perimeter is 13.',
    'The perimeter is 3 + 4 + 5 = 12, not 13.',
  ],
  [
    'Write a product description for a wooden chess set.',
    'Hand-turned from maple and walnut, with weighted pieces and a folding board: a chess set for the table, the train and the next twenty years.',
  ],
  ['ما هي أهمية الماء للإنسان؟', 'الماء ضروري للحياة، فهو ينظم حرارة الجسم وينقل الغذاء إلى الخلايا.'],
  [
    'What are the main causes of inflation?',
    'Prices rise when people want to buy more than there is to sell, when production becomes more expensive, or when there is more money for the same goods.',
  ],
  ['Diga em português como se pede a conta num restaurante.', 'Diz-se: “A conta, por favor.”'],
];

/** {@link PAIRS} as a task. */
export const GENERAL_PROMPTS: Task = {
  name: 'general prompts',
  kind: 'Free',
  form: 'free',
  instruction: null,
  labels: [],
  train: PAIRS.map(([sentence, label]): Example => ({ sentence, label })),
  dev: [],
  test: [],
};
