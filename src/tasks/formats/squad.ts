import type { JsonRecords } from '../records.ts';

/** SQuAD as published, 1.1 or 2.0: articles of paragraphs, each with questions about it. */
interface Squad {
  readonly data: readonly { readonly paragraphs: readonly Paragraph[] }[];
}

interface Paragraph {
  readonly context: string;
  readonly qas: readonly { readonly question: string; readonly answers: readonly { readonly text: string }[] }[];
}

/** Whether parsed JSON is a file of SQuAD. */
export const isSquad = (json: unknown): json is Squad =>
  isListOf(fieldOf(json, 'data'), (article) => isListOf(fieldOf(article, 'paragraphs'), isParagraph));

const isParagraph = (paragraph: unknown): boolean =>
  typeof fieldOf(paragraph, 'context') === 'string' &&
  isListOf(
    fieldOf(paragraph, 'qas'),
    (qa) =>
      typeof fieldOf(qa, 'question') === 'string' &&
      isListOf(fieldOf(qa, 'answers'), (answer) => typeof fieldOf(answer, 'text') === 'string'),
  );

const fieldOf = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;

const isListOf = (value: unknown, isOne: (one: unknown) => boolean): boolean =>
  Array.isArray(value) && value.every(isOne);

/** The questions of a SQuAD file as rows, each with its paragraph and its right answers: none if it has no answer. */
export function squadRows({ data }: Squad): JsonRecords {
  const rows = data.flatMap(({ paragraphs }) =>
    paragraphs.flatMap(({ context, qas }) =>
      qas.map(({ question, answers }) => [question, context, JSON.stringify(answers.map(({ text }) => text))]),
    ),
  );
  return {
    columns: ['question', 'context', 'answers'],
    rows,
    lines: rows.map((_, i) => i + 1),
    nested: ['answers'],
  };
}
