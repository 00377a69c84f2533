/** How a prompt is put to a model: as its text alone, or as the user's turn of a conversation by the model's chat template. */
export type PromptForm = 'raw' | 'chat';
