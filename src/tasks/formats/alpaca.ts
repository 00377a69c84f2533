/** The column of conversations that Alpaca's own make where they have a system's prompt or earlier turns. */
export const CONVERSATION = 'conversation';
/** The columns of an Alpaca file, as LLaMA-Factory documents them (data/README.md). */
export const ALPACA = ['instruction', 'input', 'output', 'system', 'history'] as const;

interface Rows {
  readonly columns: string[];
  readonly rows: string[][];
  readonly nested: string[];
}

/**
 * Adds a column of conversations to an Alpaca file with `system` or `history`: the system's prompt, then pairs of earlier
 * prompts and answers, then `instruction` with `input`, and `output`. Any other table stays as it is.
 */
export function withConversations<T extends Rows>(table: T): T {
  const at = (name: string): number => table.columns.findIndex((column) => column.toLowerCase() === name);
  const [instruction, input, output, system, history] = ALPACA.map(at);
  const isFilled = (column: number): boolean =>
    column >= 0 && table.rows.some((row) => !['', '[]', 'null'].includes(row[column].trim()));
  if (instruction < 0 || output < 0 || at(CONVERSATION) >= 0 || !(isFilled(system) || isFilled(history))) return table;
  const turn = (role: string, content: unknown): object => ({ role, content });
  const rows = table.rows.map((row) => {
    const text = (column: number): string => (column < 0 ? '' : row[column].trim());
    const asked = [text(instruction), text(input)].filter((part) => part !== '').join('\n');
    const turns = [
      ...(text(system) === '' ? [] : [turn('system', text(system))]),
      ...pairsIn(text(history)).flatMap(([prompt, answer]) => [turn('user', prompt), turn('assistant', answer)]),
      ...[turn('user', asked), turn('assistant', text(output))],
    ];
    return [...row, JSON.stringify(turns)];
  });
  return { ...table, columns: [...table.columns, CONVERSATION], rows, nested: [...table.nested, CONVERSATION] };
}

/** Pairs of a prompt and an answer in a cell; of anything else a pair of no texts, by which its row is left out. */
function pairsIn(cell: string): readonly (readonly [unknown, unknown])[] {
  if (cell === '' || cell === 'null') return [];
  try {
    const list: unknown = JSON.parse(cell);
    if (
      Array.isArray(list) &&
      list.every((pair): pair is [unknown, unknown] => Array.isArray(pair) && pair.length === 2)
    )
      return list;
  } catch {
    // Not JSON: no pairs.
  }
  return [[0, 0]];
}
