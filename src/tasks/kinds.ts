/**
 * The kinds of CL_Benchmark with the question of their prompts, without the line feed after it; COPA has none. Custom
 * tasks may use a kind and its question, or have their own.
 */
export const KINDS: Readonly<Record<string, string | null>> = {
  SC: 'What is the sentiment of the following paragraph? Choose one from the option.',
  TC: 'What is the topic of the following paragraph? Choose one from the option.',
  NLI: 'What is the logical relationship between the "sentence 1" and the "sentence 2"? Choose one from the option.',
  QQP: 'Whether the "first sentence" and the "second sentence" have the same meaning? Choose one from the option.',
  BoolQA: 'According to the following passage, is the question true or false? Choose one from the option.',
  COPA: null,
  MultiRC:
    'According to the following passage and question, is the candidate answer true or false? Choose one from the option.',
  WiC: 'Given a word and two sentences, whether the word is used with the same sense in both sentence? Choose one from the option.',
};
