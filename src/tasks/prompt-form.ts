/** How a prompt is put to a model: as its text alone, or as the user's turn of a conversation by the model's chat template. */
export const PROMPT_FORMS = ['raw', 'chat'] as const;
export type PromptForm = (typeof PROMPT_FORMS)[number];
