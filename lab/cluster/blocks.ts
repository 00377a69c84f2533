/**
 * A code block of a Markdown document, so that tests run exactly what its readers are told to run.
 *
 * @param mark a text that only this block contains.
 * @throws if there is not exactly one.
 */
export function codeBlock(markdown: string, mark: string): string {
  const blocks = [...markdown.matchAll(/^```\w+\n(.*?)^```$/gms)].map(([, text]) => text);
  const found = blocks.filter((text) => text.includes(mark));
  if (found.length !== 1) throw new Error(`${found.length} code blocks have ${mark}, not one.`);
  return found[0];
}
