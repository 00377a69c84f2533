/**
 * Words that nobody would want on a screen in front of a class. Data sets and dictionaries contain them, so an example
 * picked for display should not. The list is short on purpose: it decides what is shown first, never what is trained.
 */
const UNPRESENTABLE =
  /\b(?:sex(?:es|ual\w*|y)?|porn\w*|rap(?:e[ds]?|ists?|ing)|incest\w*|genital\w*|prostitut\w*|masturbat\w*|orgasm\w*|penis\w*|vagin\w*|copulat\w*|coitus|intercourse|erotic\w*|nudes?|nudity|naked|breasts?|testicles?|excrement|f(?:uck|\*\*k)\w*|shit\w*|bitch\w*|cunts?|nigg\w*|fag(?:got)?s?|sluts?|whores?|suicid\w*|murder\w*|behead\w*|tortur\w*|molest\w*|slaughter\w*)\b/i;

/** Whether a text can be shown to anyone. */
export const isPresentable = (text: string): boolean => !UNPRESENTABLE.test(text);

/** The first that can be shown to anyone; the very first if none can, undefined if there is none. */
export const firstPresentable = <T>(all: readonly T[], textOf: (one: T) => string): T | undefined =>
  all.find((one) => isPresentable(textOf(one))) ?? all[0];
