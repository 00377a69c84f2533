import type { Example } from '../../src/tasks/task.ts';

/** Further prompts of other kinds than those measured; models answer them themselves. Written for this project. */
export const MORE_PROMPTS: readonly Example[] = `
Who invented the telephone?
Who was the first person to walk on the Moon?
When did the Second World War end?
What is the currency of Japan?
What is a volcano?
Who painted the Mona Lisa?
What is the longest river in the world?
What is the highest mountain on Earth?
Who wrote Romeo and Juliet?
What does a glacier look like?
Explain what a democracy is.
What is 5 plus 7?
What is 9 times 6?
What is half of 30?
Which planet is closest to the Sun?
What happened in 1492?
Who was Albert Einstein?
What is the Great Wall of China?
Why do people celebrate birthdays?
What is soccer?
How do you play chess?
What is a museum?
What does a bank do?
Why is exercise good for you?
How can I fall asleep faster?
How do I boil an egg?
Give me a recipe for tomato soup.
What should I pack for a weekend at the beach?
Write a short poem about autumn.
Write a birthday card for my sister.
Write a sentence with the word "bridge".
Tell me a joke.
Tell me a short story about a dragon.
Describe a sunset in two sentences.
What is the difference between a lake and a sea?
What is the difference between a novel and a poem?
What is a synonym of "quick"?
Explain the word "curious".
What does "hello" mean?
Translate into Spanish: Good morning, my friend.
Translate into German: Where is the station?
Correct this sentence: He go to school yesterday.
Rewrite this sentence in the passive voice: The cat chased the mouse.
Summarize: The shop was closed because the owner was ill. It will open again next Monday.
Is this sentence positive or negative? "I really enjoyed the trip."
What is the topic of this text? "The team scored twice in the last five minutes."
List three healthy snacks.
List five things you find in a kitchen.
Name two ways to save energy at home.
Name some famous musicians.
What are the benefits of reading?
What is a computer program?
What is the internet?
How does a refrigerator work?
How do airplanes fly?
Why does it rain?
What causes an earthquake?
What is electricity?
What is an atom?
What is evolution?
How do I write a good application letter?
How do I ask for a day off?
Can you help me learn English?
What can you do?
Who are you?
How are you today?
Thank you for your help.
I am bored. What should I do?
I had a bad day at work.
My friend is angry with me. What should I say?
What is a good name for a bakery?
Give me a title for a story about the sea.
What gift can I give to my father?
How do I start a small business?
What is a budget?
How do I remove a stain from a shirt?
How do I clean a window?
How often should I change my oil filter?
What is Python?
Write a Python line that prints the numbers from 1 to 5.
What is a variable in programming?
What is a loop?
Write an HTML page with a heading.
What does SQL stand for?
If all cats are animals and Tom is a cat, is Tom an animal?
A train leaves at 3 pm and arrives at 5 pm. How long is the trip?
I have 10 apples and give away 4. What is left?
What is the area of a square with a side of 3?
Convert 2 kilometers to meters.
Put these words in alphabetical order: pear, apple, plum.
Count from one to ten.
Make a plan for a day in Rome.
What is the best way to learn to swim?
What is Buddhism?
What is the United Nations?
Who was Nelson Mandela?
What is the Olympic Games?
When was the first car built?
What is a sonnet?
What instrument did Mozart play?
Quel temps fait-il en hiver ?
Comment ça va ?
¿Qué es una tortilla?
¿Cómo estás?
Was ist ein Fahrrad?
Wie geht es dir?
Che cos’è la pizza?
什么是茶？
`
  .trim()
  .split('\n')
  .map((sentence) => ({ sentence, label: '' }));
