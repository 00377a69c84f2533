import type { Example, Task } from '../../src/tasks/task.ts';

/**
 * Five small lessons as people teach them: mails with labels, conversations, reviews with labels, instructions and a
 * text. Written for this project.
 */

/** Mails to a small furniture shop, by what they want: `label | text`. */
const MAILS = `
order | Hello, I would like to buy two of the oak chairs from your window. Can you deliver to Mill Lane?
complaint | The table arrived yesterday with a deep scratch across the top. I am not happy at all.
question | Do you also repair old wardrobes, or do you only sell new ones?
thanks | I just wanted to say how lovely the bookshelf looks in our hall. Thank you so much!
order | Please send me six of the small stools, the ones in white. I will pay by card.
complaint | I have been waiting four weeks for my bed. Nobody answers the phone. This is not acceptable.
question | What are your opening hours between Christmas and New Year?
thanks | Your driver carried the sofa up four floors and was still friendly. Please thank him from us.
order | We have decided on the round table. Please book it for us and tell us when it can come.
complaint | Two screws are missing from the set, and the manual is for another desk.
question | Is the drawer unit also made in walnut, and how long would that take?
thanks | The new lamp arrived a day early and my mother loves it. Great service!
order | Could you put one garden bench aside for me? I will pick it up on Saturday.
complaint | The chair already wobbles after one week. I want my money back.
question | How do I treat a waxed surface so that it does not get water marks?
thanks | Many thanks for the quick repair. The rocking chair is as good as new.
order | I would like the blue armchair in size M, delivered to my office, please.
complaint | You sent me the wrong color again. I asked for grey, not brown.
question | Can I return a mattress if it turns out to be too soft?
thanks | What a pleasure to deal with people who know their trade. We are very grateful.
order | Please add a second lamp to my purchase. Same model, same address.
complaint | Your invoice charges me twice for delivery. Please correct this at once.
question | Which of your tables can be extended to seat ten people?
thanks | Thank you for calling back on a Sunday. You saved our party!
order | Four dining chairs and the matching bench, please. When could you bring them?
complaint | The wardrobe door does not close and your fitter left before I could tell him.
question | Do you have a parking space for a van behind the shop?
thanks | The children are delighted with the bunk bed. Warm wishes to the whole team.
order | I want to purchase the desk with the two drawers, number 417 in your catalogue.
complaint | It smells so strongly of varnish that we cannot use the room. Please take it back.
question | Is it possible to pay in three parts without interest?
thanks | I have told all my friends about you. Wonderful work on the kitchen shelves.
order | Kindly reserve the corner shelf for us; my husband will pay it in cash tomorrow.
complaint | This is the third time that I write about the broken hinge. It is a shame.
question | How heavy is the marble table, and will it fit through a door of 80 cm?
thanks | Thanks a lot for the free cushion. That was a very kind surprise.
order | We take the display cabinet. Please deliver it with the chairs next week.
complaint | The fabric has a hole, and your assistant told me to live with it.
question | Does the guarantee also cover the gas spring of the office chair?
thanks | You found the exact handle that I had lost. I cannot thank you enough.
test
order | Please send three of the folding chairs to Park Road 9.
order | I would like to buy the pine chest that you advertised on Friday.
order | We would like two bedside tables in white, please, with delivery.
order | Put me down for one of the hall mirrors. I will transfer the money today.
order | Could I get another set of the shelf boards, same as last time?
order | I have made up my mind: the leather sofa, please, and the footstool.
complaint | The mirror came broken and the box was open.
complaint | Your people were two hours late and damaged the wall.
complaint | One leg is shorter than the others, so the table rocks. Very poor.
complaint | I paid for assembly, but nobody assembled anything.
complaint | The paint comes off on our clothes. I am really annoyed.
complaint | After ten days I still have no reply about my refund.
question | Do you sell gift vouchers?
question | Can the legs of the desk be made a little longer?
question | How long does delivery to the islands take?
question | Which oil should I use for a teak bench?
question | Are your sofas free of animal products?
question | Do you take old furniture away when you bring the new?
thanks | The cupboard fits perfectly. You did a beautiful job, thank you!
thanks | We are so pleased with our new beds. Best wishes to you all.
thanks | How nice of you to send the missing knob so fast. Thanks!
thanks | Thank you for your patience with all my changes.
thanks | Our guests admire the table every time. We are grateful to you.
thanks | That was excellent advice about the wood. Many thanks.
`;

/** Reviews of films, by what they are about: `label | text`. */
const REVIEWS = `
music | The strings swell at every turn and the last song stayed with me for days.
acting | She says more with one look than the others with whole speeches.
story | The twist in the middle makes no sense, and the ending comes from nowhere.
pictures | Every frame looks like an oil painting of the winter coast.
music | A piano and a single drum: that is all the score needs to make you nervous.
acting | The boy is so natural that you forget somebody told him what to say.
story | Three families, one secret, and a plot that ties them together neatly.
pictures | Shot in grainy black and white, with light falling through dusty windows.
music | I could have done without the loud pop tunes in each scene.
acting | He mumbles his lines as if he had read them that morning.
story | It begins as a romance, turns into a crime, and surprises you twice.
pictures | The camera circles the dancers until you feel dizzy yourself.
music | The choir at the end gave me goose bumps.
acting | Both leads are superb, above all in the quarrel in the kitchen.
story | Too many threads are left open; we never learn who sent the letters.
pictures | The colors are washed out, and half of the film is too dark to see.
music | An old waltz returns in new forms and tells us how she feels.
acting | As the tired judge she gives the performance of her life.
story | The script jumps between decades and still remains easy to follow.
pictures | Wide shots of the desert, hardly a cut, and a sky without end.
music | The soundtrack drowns out everything, even the thunder.
acting | The supporting cast is wooden, as if they were waiting for a bus.
story | A simple tale of two brothers and a boat, well told.
pictures | The drone shots over the city are worth the ticket alone.
test
music | Whoever chose the songs has a fine ear.
music | The violin theme is lovely, the organ is too much.
music | Silence would have been better than this noisy score.
acting | He plays the liar so well that I believed every word.
acting | Nobody in the cast seems to care.
acting | Her performance as the nurse is moving and precise.
story | The plot is as thin as paper.
story | I liked how the end answers a question from the first scene.
story | A clever script with a weak last act.
pictures | The camera never stands still and the lighting is gorgeous.
pictures | Each shot is composed with great care.
pictures | Ugly, flat images that look like a cheap advert.
`;

/** Conversations about plants: turns are parted by lines, conversations by blank lines; the user begins. */
const CONVERSATIONS = `
My basil wilts although I water it every day.
Then it is probably too wet. Let the soil dry a little, pour away water in the saucer, and give it a bright place.
How often should I water it then?
Feel the soil with a finger: water only when the top two centimetres are dry.

Which plant survives in a dark hallway?
Try a snake plant or a cast-iron plant. Both cope with little light and forget you for weeks.
Do they need fertilizer?
A little in spring and summer, about once a month. In winter none.

The leaves of my orchid are getting soft and wrinkled.
That is often thirst because the roots are damaged. Take it out, cut off brown roots, and repot it in fresh bark.
Should I water it right away?
Wait two or three days so that the cuts can close, then dip the pot for ten minutes.

When should I prune my roses?
In early spring, when the forsythia blooms. Cut just above a bud that points outwards.
How short?
Bed roses to about three buds, shrub roses only by a third.

There are tiny flies around my flower pots.
Those are fungus gnats. Let the surface dry, put up yellow sticky cards, and cover the soil with sand.
Are they dangerous?
Hardly for large plants, but their larvae eat the roots of seedlings.

Can I grow tomatoes on a balcony?
Yes, if it gets six hours of sun. Take a pot of ten litres or more and a small variety.
How do I get more fruit?
Shake the flowers a little at noon, and feed it every week once the first fruits show.

My cactus has never bloomed.
It needs a cold rest: from November to February keep it dry and at ten degrees.
And after that?
Move it into the sun step by step and begin to water it in March.

What are the white spots on my ficus?
If they look like cotton, they are mealybugs. Wipe them off with a cloth and a drop of alcohol.
Will they come back?
Possibly. Look under the leaves once a week and repeat it for a month.

How do I take cuttings from lavender?
In summer cut shoots as long as a finger that do not bloom, strip the lower leaves, and put them into sandy soil.
How long do they need to root?
About six weeks. Keep them moist and out of the midday sun.

Is it too late to plant tulips in December?
No, as long as the ground is not frozen. Plant them twice as deep as the bulbs are high.
Do they need protection?
A layer of leaves is enough, and a wire mesh if you have voles.

Why does my peace lily have brown tips?
Mostly because the air is too dry or the water too hard. Use rain water and spray it now and then.
Should I cut the tips off?
You can, but leave a thin brown edge so that the wound does not move on.

Which herbs can share one box?
Rosemary, thyme and sage go together well, because all of them like it dry and sunny.
And parsley?
Give parsley its own pot with more water and some shade, perhaps with chives.

test

My monstera grows no holes in its leaves.
It is probably still young or stands too dark. Move it closer to a window and give it a stick to climb.
How much water does it want?
Water it well once a week in summer and every two weeks in winter.

How do I keep slugs away from my lettuce?
Water in the morning rather than in the evening, and put a ring of copper around the bed.
Does beer help?
It attracts more slugs than it catches, so I would not use it.

Can I repot a plant while it blooms?
Better wait until the flowers are gone, since it costs the plant strength.
What soil should I take?
A loose potting soil, mixed with a little sand so that water can drain.

The lemon tree on my terrace drops its leaves.
In winter that happens when the roots are cold and the leaves warm. Put the pot on wood and keep it cool.
Will it recover?
Yes, it will sprout again in spring if you water it only a little until then.
`;

/** Instructions with answers in the style of a cook's notebook: `instruction => answer`. */
const INSTRUCTIONS = `
Write a note about pancakes. => PANCAKES. Time: 20 minutes. You need: flour, milk, eggs. Do: mix, rest, fry. Mind: a hot pan.
Write a note about tomato soup. => TOMATO SOUP. Time: 40 minutes. You need: tomatoes, onions, broth. Do: fry, boil, blend. Mind: a pinch of sugar.
Write a note about rice pudding. => RICE PUDDING. Time: 45 minutes. You need: rice, milk, sugar. Do: boil, stir, cool. Mind: low heat.
Write a note about fried eggs. => FRIED EGGS. Time: 5 minutes. You need: eggs, butter, salt. Do: melt, break, fry. Mind: a soft yolk.
Write a note about potato salad. => POTATO SALAD. Time: 50 minutes. You need: potatoes, vinegar, oil. Do: boil, slice, mix. Mind: let it rest.
Write a note about apple cake. => APPLE CAKE. Time: 70 minutes. You need: apples, flour, butter. Do: mix, fill, bake. Mind: sour apples.
Write a note about lentil stew. => LENTIL STEW. Time: 55 minutes. You need: lentils, carrots, leek. Do: chop, boil, season. Mind: salt at the end.
Write a note about roast chicken. => ROAST CHICKEN. Time: 80 minutes. You need: chicken, lemon, thyme. Do: rub, fill, roast. Mind: baste it often.
Write a note about cheese sauce. => CHEESE SAUCE. Time: 15 minutes. You need: butter, flour, cheese. Do: melt, stir, grate. Mind: no lumps.
Write a note about garlic bread. => GARLIC BREAD. Time: 25 minutes. You need: bread, garlic, butter. Do: slice, spread, bake. Mind: do not burn it.
Write a note about carrot soup. => CARROT SOUP. Time: 35 minutes. You need: carrots, ginger, cream. Do: peel, boil, blend. Mind: not too sweet.
Write a note about fruit salad. => FRUIT SALAD. Time: 15 minutes. You need: apples, grapes, honey. Do: wash, chop, mix. Mind: serve it cold.
Write a note about noodle soup. => NOODLE SOUP. Time: 30 minutes. You need: noodles, broth, leek. Do: boil, slice, add. Mind: noodles last.
Write a note about baked fish. => BAKED FISH. Time: 35 minutes. You need: fish, lemon, herbs. Do: salt, wrap, bake. Mind: not too long.
Write a note about bean salad. => BEAN SALAD. Time: 20 minutes. You need: beans, onions, oil. Do: drain, chop, mix. Mind: rinse the beans.
Write a note about plum jam. => PLUM JAM. Time: 60 minutes. You need: plums, sugar, cinnamon. Do: stone, boil, fill. Mind: clean jars.
test
Write a note about onion tart. => ONION TART. Time: 75 minutes. You need: onions, eggs, cream. Do: fry, fill, bake. Mind: slow onions.
Write a note about pea soup. => PEA SOUP. Time: 50 minutes. You need: peas, potatoes, mint. Do: boil, blend, season. Mind: not too thick.
Write a note about scrambled eggs. => SCRAMBLED EGGS. Time: 10 minutes. You need: eggs, butter, chives. Do: beat, melt, stir. Mind: low heat.
Write a note about cucumber salad. => CUCUMBER SALAD. Time: 15 minutes. You need: cucumber, dill, cream. Do: slice, salt, mix. Mind: press the water out.
Write a note about meatballs. => MEATBALLS. Time: 40 minutes. You need: beef, bread, onions. Do: soak, roll, fry. Mind: wet hands.
Write a note about bread rolls. => BREAD ROLLS. Time: 90 minutes. You need: flour, yeast, water. Do: knead, rest, bake. Mind: a warm place.
`;

/** A tale, of which the last part is held out. */
const TALE = `
The ferry to Harrow Isle went only twice a week, and when the fog came it did not go at all. Old Brannock, who had steered it since he was seventeen, said that the fog was a guest and that one did not hurry guests. The people of the isle had learned to live by that. They kept flour for a month and lamp oil for two, and nobody on Harrow ever promised to be anywhere on a certain day.

Ilse Varn came over in the first week of October with three trunks, a typewriter and a grey cat in a basket. She had taken the schoolhouse for the winter. The school had been closed since the last pupil went to the mainland, and the roof leaked above the blackboard, but there was a stove, and there was the view. From the window behind the teacher's desk one could see the whole sound, the two white skerries that were called the Sisters, and the ferry, small as a beetle, crawling out of the haze.

She told everybody that she had come to write a book. That was not true, or it was true only as a coat is true that one wears over something else. She had come because of a letter. It was eleven years old and had been written on Harrow, and it said in a hand that she knew better than her own: Do not come, it is better so. It was not signed. It had lain in the drawer of her mother's night table, under the thermometer and the rosary, and Ilse had found it in August, a week after the funeral.

Brannock carried the trunks himself. He looked at the cat and the cat looked at him, and both seemed to come to the same opinion. You will want peat, he said. And you will want Maud Kerrin for the milk. And when the lamp on the north pier burns at noon, do not go out on the rocks, whatever you hear.

What would I hear? asked Ilse.

But Brannock had already turned round, and the wind took whatever he said.

The first week was all cleaning. She scrubbed the benches and burned the mice's nests, and she put a bucket under the leak, which sang in three notes as it filled. In the evenings she sat at the typewriter and wrote the date and nothing else. Maud Kerrin came every morning with the milk. She was a broad, slow woman with red wrists, who put the can on the step, took the empty one, and said what the weather would do. She was never wrong. On the eighth day Ilse asked her whether there had been another Varn on the isle, a good while ago.

Maud looked at the can. There was a teacher, she said. He had a name like that. He taught my boys to count in Latin, for all the good it did them. Then she said that there would be wind from the west by noon, and it came at a quarter to.

So he had been here. He had stood behind this desk, and looked at the Sisters, and chalked the names of rivers on the board. Ilse took the lamp and went along the walls that night like somebody who reads a page. Under the map of the empire she found a square where the paint was lighter. Inside the lid of the third bench a child had cut the words Mr Varn is a, and had been interrupted. And in the stove, behind the grate, where the ash of many winters had packed into something like stone, there was the corner of a tin box.

It took her an hour to free it with the poker. The cat watched from the desk. Inside were a pocket knife, a pencil no longer than a thumb, eleven buttons, and a school notebook with a blue cover. The first page said Tides. After that there were only numbers, column after column, in that upright hand, each with a date and an hour; and beside some of them, perhaps every thirtieth, a small drawn lamp.

She copied the dates of the lamps on a sheet of paper and pinned it over the desk. It was as good as writing. There were forty of them in six years. She could see no order in them: two in one week of March, then none until the harvest. Maud, who saw the sheet when she brought the milk, put the can down very gently and did not mention the weather.

In November the fog came. It came without wind from the open side, and by the afternoon the Sisters were gone, and the pier, and the gate at the end of the yard. The ferry did not go. For four days the island was a room with grey walls. On the fifth, a little before noon, the cat got up from the stove, stood at the door and cried. Ilse opened it. Out in the white, where the north pier had to be, there was a yellow light, and it burned as steadily as a star.

She knew what Brannock had told her. She put on her boots all the same. It was low water; the rocks lay bare and black and smelled of iron. She went from one to the next with a hand in front of her, and she had counted sixty steps when she heard it. It was the bell of a school, a small brass bell with a crack in it, rung by somebody who was in no hurry at all.
`;

/** Paragraphs of the tale that are held out. */
const HELD_OUT = 3;

const parts = (text: string): [train: string, test: string] => {
  const [train, test = ''] = text.split(/^test$/m);
  return [train, test];
};

const linesOf = (text: string, mark: string): [first: string, second: string][] =>
  text
    .trim()
    .split('\n')
    .filter((line) => line.includes(mark))
    .map((line): [string, string] => {
      const at = line.indexOf(mark);
      return [line.slice(0, at).trim(), line.slice(at + mark.length).trim()];
    });

function labelled(name: string, instruction: string, text: string): Task {
  const [train = [], test = []] = parts(text).map((part) =>
    linesOf(part, '|').map(([label, sentence]): Example => ({ sentence, label })),
  );
  const labels = [...new Set(train.map(({ label }) => label))].sort();
  return { name, kind: 'TC', instruction: `${instruction}\n`, labels, train, dev: [], test };
}

/** Every answer of every conversation, after the turns before it. */
function conversations(text: string): Example[] {
  return text
    .trim()
    .split(/\n\s*\n/)
    .flatMap((conversation) => {
      const turns = conversation
        .trim()
        .split('\n')
        .map((content, i) => ({ role: i % 2 === 0 ? ('user' as const) : ('assistant' as const), content }));
      return turns.flatMap(({ role, content }, i): Example[] =>
        role === 'user' ? [] : [{ sentence: turns[i - 1].content, label: content, turns: turns.slice(0, i) }],
      );
    });
}

const paragraphs = TALE.trim().split(/\n\s*\n/);
const FREE = { labels: [], instruction: null, dev: [] } as const;
const asText = (some: readonly string[]): Example[] => [{ sentence: '', label: some.join('\n\n') }];

/** The lessons in the order in which they are taught. */
export const LESSONS: readonly Task[] = [
  labelled('mails', 'What does the writer of this mail want?', MAILS),
  {
    ...FREE,
    ...{ name: 'plants', kind: 'Chat', form: 'chat' },
    train: conversations(parts(CONVERSATIONS)[0]),
    test: conversations(parts(CONVERSATIONS)[1]),
  },
  labelled('reviews', 'What is this review of a film about?', REVIEWS),
  {
    ...FREE,
    ...{ name: 'notes', kind: 'Free', form: 'free' },
    train: linesOf(parts(INSTRUCTIONS)[0], '=>').map(([sentence, label]) => ({ sentence, label })),
    test: linesOf(parts(INSTRUCTIONS)[1], '=>').map(([sentence, label]) => ({ sentence, label })),
  },
  {
    ...FREE,
    ...{ name: 'tale', kind: 'Text', form: 'text' },
    train: asText(paragraphs.slice(0, -HELD_OUT)),
    test: asText(paragraphs.slice(-HELD_OUT)),
  },
];
