/** How a model receives a prompt: as plain text, or as a user message in its chat template. */
export const PROMPT_FORMS = ['raw', 'chat'] as const;
export type PromptForm = (typeof PROMPT_FORMS)[number];
