/** A phrase that is hard to read in this project's prose, and what to say instead. */
interface Phrase {
  /** A space also matches a line break within a comment. */
  readonly pattern: RegExp;
  readonly say: string;
}

/** Phrases without an honest use. Add one when it has come back twice. */
const PHRASES: readonly Phrase[] = [
  {
    pattern: /(?<=\/\*\*\s+(?:\*\s+)?)(?:What\b|The same,)/,
    say: 'the thing in a sentence that can be read on hover: "Returns …", "The files that …"',
  },
  { pattern: /(?<!\b(?:const|let|return) )(?<=\w )anew(?=[\s.,:;'"`]|$)/, say: '"again"' },
  { pattern: /\bbroken? off\b/, say: '"interrupted" or "stopped"' },
  { pattern: /\bbreaks? (?:\w+ ){0,2}off\b/, say: '"interrupts" or "stops"' },
  { pattern: /\bgo(?:es|ing|ne)? on (?:by itself|with|here|behind|at)\b/, say: '"resumes" or "continues"' },
  { pattern: /\bgo(?:es|ing|ne)? on from\b/, say: '"resumes from"' },
  { pattern: /\btaken up again\b/, say: '"resumed"' },
  { pattern: /\b(?:one|run) without a break\b/, say: '"uninterrupted"' },
  { pattern: /\bbehind what has come\b/, say: '"where it stopped"' },
  { pattern: /\b(?:come|comes|came|freed|goes|learned|tested|told|written) behind\b/, say: '"after"' },
  { pattern: /\bbehind the back of\b/, say: '"unnoticed by", or what happens' },
  { pattern: /\bpassed over\b/, say: '"skipped" or "ignored"' },
  { pattern: /\b(?:that|what) (?:is|are) none\b/, say: '"not a number", "not a file" and so on' },
  { pattern: /\bwhere it is none\b/, say: '"where it is not …"' },
  { pattern: /\bof which none\b/, say: '"none of which"' },
  { pattern: /\b(?:is|are) no (?:UTF-8|list|object)\b/, say: '"is not valid UTF-8", "is not a list"' },
  { pattern: /\bthat there is a file of\b/, say: '"with a file"' },
  { pattern: /\bas often as (?:is|it says|\S+ says)\b/, say: 'the number of times' },
  { pattern: /\bha(?:s|ve) (?:be)?come of\b/, say: 'the result' },
  { pattern: /\b(?:cannot|could not|to) be had\b/, say: '"unavailable" or "missing"' },
  { pattern: /\bis told (?:how|every)\b/, say: '"receives" or "is called with"' },
  { pattern: /\btells? of\b/, say: '"reports"' },
  { pattern: /\btold (?:again|at once|by name|there)\b/, say: '"reported"' },
  {
    pattern: /\b(?:a|one) (?:dot|file|line|passage|row|byte) a (?:line|method|point|round|run|setting|task)\b/,
    say: '"a dot per run"',
  },
  { pattern: /\bnevertheless\b/, say: '"still"' },
  { pattern: /\bkept (?:out )?by (?:half|weights)\b/, say: '"suppressed by half", "weighted"' },
  { pattern: /\bof its own accord\b/, say: '"automatically" or "by itself"' },
  { pattern: /\bas far as (?:it is|they are) out of date\b/, say: '"where out of date"' },
  { pattern: /\bheed(?:s|ed)?\b(?!\()/, say: '"obeys", "applies" or "follows"' },
  { pattern: /\bthat this browser keeps\b/, say: '"stored in this browser"' },
  { pattern: /\b(?:is|are|be) let be\b/, say: '"is left unchanged"' },
  { pattern: /\bset(?:s|ting)? memory aside\b/, say: '"reserves memory"' },
  { pattern: /\bas (?:\S+ ){1,4}ha(?:s|ve) it\b/, say: '"as in …"' },
  { pattern: /\bso ha(?:s|ve) (?:it|they)\b/, say: 'the sentence without its inversion' },
  { pattern: /\bat the task at hand\b/, say: '"at the current task"' },
  { pattern: /\bin (?:this|that) one piece\b/, say: '"in one piece"' },
  { pattern: /\bby turns\b/, say: '"alternately" or "in turn"' },
  { pattern: /\bstays? quick\b/, say: '"stays responsive"' },
  { pattern: /\bstumbles? over\b/, say: '"fails on"' },
  { pattern: /\bThat did not work\b/, say: 'what failed' },
  { pattern: /\bA run of this visit\b/, say: '"a run since the page was opened"' },
  {
    pattern:
      /(?:\/\*\* |\/\/ |@param \w+ )(?:the )?(?:most|least) (?:bytes|tokens|steps|rows|runs|milliseconds|seconds)\b/,
    say: '"maximum" or "minimum": most of them means the majority',
  },
  { pattern: /\bsome (?:seconds|minutes|hundreds?|thousands?|kilobytes|KB|MB)\b/, say: '"a few"' },
  { pattern: /\b(?:null|undefined|@throws) where (?:it|none|there|they)\b/, say: '"if"' },
  { pattern: /\btells? late\b/, say: '"reports late"' },
  { pattern: /\bforms? of the weights\b/, say: '"weight format"' },
];

/** A phrase in a text. */
export interface Found {
  readonly line: number;
  readonly phrase: string;
  readonly say: string;
}

/** The files that name the phrases. */
const OWN = /^tools\/check\/phrases\.(?:test\.)?ts$/;

/** Where a space of a phrase may be: within a line, or where a comment, a docstring or a paragraph is wrapped. */
const GAP = String.raw`(?: |\n[ \t]*(?:(?:\*|//|#)[ \t]+)?)`;

const SEARCHES = PHRASES.map(({ pattern, say }) => ({
  pattern: new RegExp(pattern.source.replaceAll(' ', GAP), 'gi'),
  say,
}));

/**
 * The phrases of a file, by line. Words that CONTRIBUTING.md quotes as examples do not count.
 * @param path from the root, with `/`.
 */
export function findPhrases(path: string, text: string): Found[] {
  if (OWN.test(path)) return [];
  const prose =
    path === 'CONTRIBUTING.md' ? text.replaceAll(/"[^"\n]*"/g, (quoted) => '"'.repeat(quoted.length)) : text;
  return SEARCHES.flatMap(({ pattern, say }) =>
    [...prose.matchAll(pattern)].map(({ 0: phrase, index }) => ({
      line: prose.slice(0, index).split('\n').length,
      phrase: phrase.replace(/\s+(?:(?:\*|\/\/|#)\s+)?/g, ' '),
      say,
    })),
  ).toSorted((a, b) => a.line - b.line);
}
