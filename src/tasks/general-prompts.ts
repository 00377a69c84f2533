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

/** Short prompts of many kinds: what they use of a model is what small talk and simple questions use. */
const SHORT_PAIRS: typeof PAIRS = [
  [
    'Who invented the telephone?',
    'Alexander Graham Bell is usually named as its inventor. He received a patent for it in 1876.',
  ],
  [
    'Who was the first person to walk on the Moon?',
    'Neil Armstrong was the first person to walk on the Moon, on 20 July 1969.',
  ],
  [
    'When did the Second World War end?',
    'The Second World War ended in 1945, in May in Europe and in September in the Pacific.',
  ],
  ['In which year did the Titanic sink?', 'The Titanic struck an iceberg and sank in 1912, on its first voyage.'],
  [
    'Who painted the Mona Lisa?',
    'The Mona Lisa was painted by Leonardo da Vinci at the beginning of the sixteenth century.',
  ],
  ['Who discovered penicillin?', 'Alexander Fleming discovered penicillin in 1928.'],
  ['Who wrote Don Quixote?', 'Don Quixote was written by Miguel de Cervantes. Its first part appeared in 1605.'],
  [
    'Who was Albert Einstein?',
    'Albert Einstein was a physicist who developed the theory of relativity and received the Nobel Prize in 1921.',
  ],
  ['Who founded Microsoft?', 'Microsoft was founded by Bill Gates and Paul Allen in 1975.'],
  ['Who sang with the Beatles?', 'The Beatles were John Lennon, Paul McCartney, George Harrison and Ringo Starr.'],
  [
    'What is the highest mountain on Earth?',
    'Mount Everest, on the border between Nepal and Tibet, is the highest mountain on Earth.',
  ],
  ['Which ocean is the largest?', 'The Pacific Ocean is the largest. It covers about a third of the Earth.'],
  ['Which planet is closest to the Sun?', 'Mercury is the planet closest to the Sun.'],
  ['Which planet has the brightest rings?', 'Saturn has the brightest rings. They consist of pieces of rock and dust.'],
  ['What is the name of our galaxy?', 'Our galaxy is called the Milky Way.'],
  [
    'What happened in 1492?',
    'In 1492 Christopher Columbus crossed the Atlantic and reached the islands of the Caribbean.',
  ],
  [
    'What was the Industrial Revolution?',
    'The Industrial Revolution was the time from about 1760 to 1840 in which machines and factories replaced work by hand.',
  ],
  [
    'What is a volcano?',
    'A volcano is an opening in the crust of the Earth through which hot lava, ash and gases escape.',
  ],
  [
    'What is an earthquake?',
    'An earthquake is a sudden shaking of the ground, caused by movements of plates in the crust of the Earth.',
  ],
  ['What is a desert?', 'A desert is an area that receives very little rain, so that few plants can live there.'],
  [
    'What is a museum?',
    'A museum is a place that collects objects of art, history or nature and shows them to visitors.',
  ],
  ['What is a budget?', 'A budget is a plan of how much money comes in and how much will be spent over a period.'],
  ['What is a contract?', 'A contract is an agreement between two or more parties that the law can enforce.'],
  [
    'What is a democracy?',
    'A democracy is a form of government in which the citizens choose their leaders in free elections.',
  ],
  ['What is a parliament?', 'A parliament is an assembly of elected members that makes the laws of a country.'],
  [
    'What is the United Nations?',
    'The United Nations is an organization of almost all states that works for peace and cooperation. It was founded in 1945.',
  ],
  [
    'What is Buddhism?',
    'Buddhism is a religion based on the teachings of Siddhartha Gautama, who is known as the Buddha.',
  ],
  [
    'What are the Olympic Games?',
    'The Olympic Games are an international sports event that takes place every four years.',
  ],
  [
    'What is soccer?',
    'Soccer is a sport in which two teams of eleven players try to kick a ball into the goal of the other team.',
  ],
  ['What is chess?', 'Chess is a board game for two players. Each tries to trap the king of the other.'],
  [
    'What is jazz?',
    'Jazz is a style of music with swinging rhythms and improvisation. It began in New Orleans around 1900.',
  ],
  ['What is a sonnet?', 'A sonnet is a poem of fourteen lines with a fixed pattern of rhymes.'],
  ['What is a metaphor?', 'A metaphor describes one thing as if it were another, as in "the world is a stage".'],
  ['What is a fable?', 'A fable is a short story, often about creatures that talk, which teaches a moral.'],
  ['What is the internet?', 'The internet is a worldwide network of computers that exchange data with each other.'],
  [
    'What is a computer virus?',
    'A computer virus is a program that copies itself and spreads to other computers, often causing damage.',
  ],
  ['What is a password?', 'A password is a secret word that proves who you are when you log in.'],
  ['What is software?', 'Software is the set of programs that tell a computer what to do.'],
  ['What is Python?', 'Python is a programming language that is known for its simple and readable code.'],
  [
    'What is a variable in programming?',
    'A variable is a name for a place in memory that holds a value, which the program can change.',
  ],
  ['What does HTML stand for?', 'HTML stands for HyperText Markup Language. It describes the structure of web pages.'],
  ['What is electricity?', 'Electricity is a form of energy that comes from the movement of electrons.'],
  ['What is an atom?', 'An atom is the smallest unit of an element. It has a nucleus, around which electrons move.'],
  [
    'What is evolution?',
    'Evolution is the change of living things over many generations by mutation and natural selection.',
  ],
  ['What is a vitamin?', 'A vitamin is a substance that the body needs in small amounts to stay healthy.'],
  ['What is yoga?', 'Yoga is a practice from ancient times that combines postures, breathing and meditation.'],
  [
    'What is a mortgage?',
    'A mortgage is a loan to buy a house. The house serves as security until the loan is paid back.',
  ],
  ['What is a hurricane?', 'A hurricane is a very strong tropical storm with winds that rotate around a calm center.'],
  ['What is recycling?', 'Recycling means turning waste such as glass, metal and plastic into new products.'],
  ['What does "hello" mean?', '"Hello" is a friendly greeting that people say when they meet or answer the phone.'],
  ['What does the word "curious" mean?', 'Someone who is curious wants to know or learn something.'],
  ['What does "by the way" mean?', '"By the way" introduces a remark that has little to do with what was said before.'],
  ['What is a rhyme for "moon"?', '"Soon" is a rhyme for "moon", and so is "tune".'],
  ['What is a good name for a bakery?', 'How about "The Golden Crust"?'],
  [
    'What is a good title for a story about the sea?',
    '"Beyond the Last Wave" would be a good title for a story about the sea.',
  ],
  [
    'What is a good breakfast?',
    'Oatmeal with fruit and nuts is a good breakfast. It gives you energy for the whole morning.',
  ],
  [
    'What is a good present for my father?',
    'It depends on what he likes: a good book, tickets for a concert, or a day that you spend together.',
  ],
  [
    'What is the best way to learn to swim?',
    'Take lessons with a trained instructor, begin in shallow water, and practise floating and breathing out first.',
  ],
  [
    'What should I wear to a wedding?',
    'Wear something elegant that fits the dress code on the invitation, such as a suit or a nice dress.',
  ],
  [
    'What should I pack for a weekend at the beach?',
    'Pack a swimsuit, a towel, sunscreen, sunglasses, a hat, sandals and something to read.',
  ],
  [
    'What can I cook with rice and beans?',
    'You can cook burritos, a bean soup with rice, or a bowl with rice, beans, tomatoes and avocado.',
  ],
  ['What can you do?', 'I can answer questions, explain things, help you write texts, and talk about many topics.'],
  ['What is your name?', 'I am an AI assistant. I do not have a name of my own.'],
  ['Who are you?', 'I am an AI language model, and I am here to help you with your questions.'],
  ['How are you today?', 'I am doing well, thank you for asking! How can I help you today?'],
  ['Are you a human?', 'No, I am not a human. I am a computer program that generates text.'],
  ['Where do you live?', 'I do not live anywhere. I am a program that runs on computers.'],
  [
    'Can you help me learn English?',
    'Of course! We can practise grammar, vocabulary and conversation. What would you like to begin with?',
  ],
  ['Thank you for your help.', "You're welcome! If you have any other questions, feel free to ask."],
  [
    'I am bored. What should I do?',
    'You could go for a walk, call a friend, read a book, or try to learn something new.',
  ],
  ['I had a bad day at work.', "I'm sorry to hear that. Would you like to tell me what happened?"],
  [
    'My friend is angry with me. What should I say?',
    'Tell your friend that you are sorry, ask what hurt them, and listen without interrupting.',
  ],
  [
    'I am afraid of flying.',
    'Many people are. It may help to breathe slowly, listen to music, and remember that flying is one of the safest ways to travel.',
  ],
  ['Tell me a joke.', 'Why did the scarecrow win an award? Because he was outstanding in his field.'],
  ['Tell me a riddle.', 'What has cities but no houses, forests but no plants, and rivers but no fish? A map.'],
  [
    'Tell me something interesting.',
    'The Eiffel Tower is some fifteen centimeters taller in hot weather, since metal expands when it gets warm.',
  ],
  [
    'Tell me a short story about a dragon.',
    'Once upon a time, a small dragon was afraid of fire. One cold evening he sneezed, lit the stove of an old woman, and was never afraid again.',
  ],
  [
    'Describe a sunset in two sentences.',
    'The sun sinks slowly behind the hills and fills the clouds with warm light. Shadows grow long, and the evening becomes quiet.',
  ],
  [
    'Describe your perfect holiday.',
    'A perfect holiday would be a week in a small cabin by a lake, with long walks, good books and friends around the fire.',
  ],
  [
    'Write a short poem about autumn.',
    'Leaves are falling, one by one,\nthrough the gold of autumn sun;\nwind and rain will have their say,\nthen the gold is swept away.',
  ],
  [
    'Write a birthday card for my aunt.',
    'Dear Aunt Mary, happy birthday! I wish you a wonderful day full of joy, and a year of health and happiness. With love, Sam',
  ],
  ['Write a sentence with the word "bridge".', 'We crossed the old stone bridge to reach the village.'],
  ['Write a slogan for a shoe shop.', 'Step into comfort, walk out in style.'],
  [
    'Write a short note to a neighbor about noise.',
    "Dear neighbor, the music last night was quite loud. Could you please turn it down after ten o'clock? Thank you, Anna",
  ],
  ['Write a Python line that prints a greeting.', 'print("Hello, world!")'],
  ['Write an HTML page with a heading.', '<!DOCTYPE html>\n<html>\n  <body>\n    <h1>Welcome</h1>\n  </body>\n</html>'],
  ['Fix this line of Python: prin("hi")', 'print("hi")'],
  ['What is 5 plus 7?', '5 plus 7 is 12.'],
  ['What is 9 times 6?', '9 times 6 is 54.'],
  ['What is half of 30?', 'Half of 30 is 15.'],
  ['What is 100 minus 45?', '100 minus 45 is 55.'],
  ['What is 15 percent of 200?', '15 percent of 200 is 30.'],
  ['Is 17 a prime number?', 'Yes, 17 is a prime number, since only 1 and 17 divide it.'],
  ['What is the square root of 81?', 'The square root of 81 is 9.'],
  ['What is the area of a square with a side of 3?', 'The area is 3 × 3 = 9 square units.'],
  ['Convert 2 kilometers to meters.', '2 kilometers are 2,000 meters.'],
  ['I have 10 coins and give away 4. What is left?', 'You have 10 − 4 = 6 coins left.'],
  ['A train leaves at 3 pm and arrives at 5 pm. How long is the trip?', 'The trip takes 2 hours.'],
  ['If it rains, the street gets wet. It rains. Is the street wet?', 'Yes, the street is wet, since it rains.'],
  ['Is this sentence positive or negative? "I really enjoyed the trip."', 'The sentence is positive.'],
  ['Is the following true or false? The Sun is a star.', 'True. The Sun is a star.'],
  ['Is the following true or false? Fish can fly to the Moon.', 'False. Fish cannot fly to the Moon.'],
  ['What is the topic of this text? "The team scored twice in the last five minutes."', 'The topic is sports.'],
  ['Who is the text about? "Maria opened the window and waved to her uncle."', 'The text is about Maria.'],
  [
    'Summarize: The lecture was cancelled because the speaker was ill. It will take place next week instead.',
    'The lecture is postponed to next week because the speaker is ill.',
  ],
  ['Rewrite this sentence in the passive voice: The storm damaged the roof.', 'The roof was damaged by the storm.'],
  [
    'Make this sentence shorter: I am writing to you in order to ask whether you could possibly help me.',
    'Could you help me?',
  ],
  ['Correct this sentence: He like music very much.', 'He likes music very much.'],
  ['Translate into Spanish: Good morning, my friend.', 'Buenos días, mi amigo.'],
  ['Translate into German: Where is the station?', 'Wo ist der Bahnhof?'],
  ['Translate into English: Je voudrais un café.', 'I would like a coffee.'],
  ['List three healthy snacks.', '1. An apple with nuts\n2. Yogurt with berries\n3. Sticks of celery with hummus'],
  ['List five things you find in a kitchen.', '1. Plates\n2. Pans\n3. Forks\n4. Cups\n5. A stove'],
  [
    'List some famous musicians.',
    'Some famous musicians are Johann Sebastian Bach, Louis Armstrong, Elvis Presley and Aretha Franklin.',
  ],
  ['List three rules of good manners.', '1. Say please and thank you.\n2. Do not interrupt others.\n3. Be on time.'],
  [
    'Name two ways to save energy at home.',
    'Turn off lights and devices that you do not need, and lower the heating when you leave.',
  ],
  ['Name a famous scientist.', 'Marie Curie was a famous scientist. She discovered polonium and radium.'],
  ['Name a book for children.', '"Alice\'s Adventures in Wonderland" by Lewis Carroll is a book for children.'],
  [
    'Give me a recipe for tomato soup.',
    'Fry an onion and garlic in oil, add chopped tomatoes and broth, cook for twenty minutes, blend, and season to taste.',
  ],
  [
    'Give me a tip for saving money.',
    'Write down everything you spend for a month. You will soon see what you can do without.',
  ],
  ['Give me an example of a renewable energy.', 'Solar energy is an example of a renewable energy.'],
  ['Give me two reasons to read books.', 'Books teach you about the lives of others, and they help you relax.'],
  [
    'Explain what a loop is in programming.',
    'A loop repeats a block of code as long as a condition holds, or once for each item of a list.',
  ],
  ['Explain why people sleep.', 'During sleep the body repairs itself and stores what was learned during the day.'],
  [
    'How do I boil an egg?',
    'Put the egg into boiling water, cook it for about eight minutes, and cool it under running water.',
  ],
  ['How do I clean a window?', 'Wipe it with warm water and a little soap, then dry it with a soft cloth.'],
  [
    'How do I remove a stain from a shirt?',
    'Soak the stain in cold water, rub in some soap, wait a few minutes, and wash the shirt as usual.',
  ],
  [
    'How do I write a letter of application?',
    'Say which job you apply for, why you are a good fit, and what you have done so far. Keep it to one page and thank the reader.',
  ],
  [
    'How do I ask for a day off?',
    'Ask your manager early and politely: "Could I take next Thursday off for a family matter?"',
  ],
  [
    'How do I start a small business?',
    'Begin with an idea that people will pay for, write a simple plan, register the business, and find your first customers.',
  ],
  [
    'How do you play tennis?',
    'Two players hit a ball over a net with rackets. A player scores when the other cannot return the ball.',
  ],
  [
    'How does a refrigerator work?',
    'A liquid evaporates inside and takes heat with it. A pump moves this heat to the outside, where it is released.',
  ],
  ['How do airplanes fly?', 'The engines push the airplane forward, and the air that flows around its wings lifts it.'],
  ['How far away is the Moon?', 'The Moon is about 384,000 kilometers away.'],
  ['How old is the Earth?', 'The Earth is about 4.5 billion years old.'],
  ['How tall is Mount Everest?', 'Mount Everest is 8,849 meters tall.'],
  ['How fast does light travel?', 'Light travels at about 300,000 kilometers per second.'],
  [
    'How can I fall asleep faster?',
    'Go to bed at the same time every evening, keep the room cool and quiet, and put your phone away.',
  ],
  [
    'How can I improve my memory?',
    'Sleep enough, exercise, repeat what you learn, and connect new facts with what you know already.',
  ],
  ['Why is exercise good for you?', 'Exercise makes you stronger, improves your mood and helps you sleep.'],
  [
    'Why do people celebrate birthdays?',
    'People celebrate birthdays to honor the person and to be glad together that another year has passed.',
  ],
  ['Where do people go to borrow books?', 'People go to a library to borrow books.'],
  ['Where was Mozart born?', 'Mozart was born in Salzburg in 1756.'],
  ['When was the first car built?', 'Carl Benz built the first car with a petrol engine in 1885.'],
  ['Which sport uses a racket?', 'Tennis uses a racket, and so does badminton.'],
  ['Which meal do people eat at noon?', 'People eat lunch at noon.'],
  [
    'Should I buy or rent a flat?',
    'Buying pays off if you stay for many years. Renting is better if you may move soon or have few savings.',
  ],
  ['Quel temps fait-il en hiver ?', 'En hiver, il fait souvent froid, et il neige parfois.'],
  ['Comment ça va ?', 'Ça va bien, merci ! Comment puis-je vous aider ?'],
  ['Qu’est-ce qu’un roman ?', 'Un roman est un long récit en prose qui raconte une histoire inventée.'],
  [
    '¿Qué es una tortilla?',
    'Una tortilla es un plato de huevos batidos, a menudo con patatas, que se cuaja en una sartén.',
  ],
  ['¿Cómo estás?', 'Estoy muy bien, gracias. ¿En qué puedo ayudarte?'],
  ['Was ist ein Fahrrad?', 'Ein Fahrrad ist ein Fahrzeug mit zwei Rädern, das mit Pedalen angetrieben wird.'],
  ['Wie geht es dir?', 'Danke, mir geht es gut! Wie kann ich dir helfen?'],
  [
    'Erzähl mir etwas über das Meer.',
    'Das Meer bedeckt mehr als zwei Drittel der Erde und ist an manchen Stellen über zehn Kilometer tief.',
  ],
  [
    'Che cos’è la pizza?',
    'La pizza è un piatto italiano: una pasta sottile cotta al forno con pomodoro, mozzarella e altri ingredienti.',
  ],
  ['O que é o futebol?', 'O futebol é um esporte em que duas equipes de onze jogadores tentam marcar gols.'],
  ['Wat is een molen?', 'Een molen is een gebouw dat met wind of stromend water graan maalt of water wegpompt.'],
  ['Что такое музыка?', 'Музыка — это искусство, которое выражает чувства и мысли с помощью звуков.'],
  ['什么是茶？', '茶是用茶树的叶子泡成的饮料，很多人每天都喝。'],
];

/** All of them as a task. */
export const GENERAL_PROMPTS: Task = {
  name: 'general prompts',
  kind: 'Free',
  form: 'free',
  instruction: null,
  labels: [],
  train: [...PAIRS, ...SHORT_PAIRS].map(([sentence, label]): Example => ({ sentence, label })),
  dev: [],
  test: [],
};

/** A method that replays the model’s own answers to general prompts takes this many, the first ones. */
export const REPLAYED_PROMPTS = PAIRS.length;
