/** Published averages in percent, to compare with a user's own: docs/method.md, section 6. */
export interface PublishedRow {
  method: string;
  /** T5-large, mean over orders 1-3 (4 tasks). */
  t5Short: number | null;
  /** T5-large, mean over orders 4-6 (15 tasks). */
  t5Long: number | null;
  /** LLaMA2-7B, mean over orders 1-3. */
  llama: number | null;
  /** Backward transfer of LLaMA2-7B, points. */
  llamaBackwardTransfer: number | null;
}

export const PUBLISHED: readonly PublishedRow[] = [
  { method: 'O-LoRA', t5Short: 75.8, t5Long: 69.6, llama: 76.1, llamaBackwardTransfer: -7.8 },
  { method: 'MIGU', t5Short: 76.6, t5Long: 70.0, llama: null, llamaBackwardTransfer: null },
  { method: 'N-LoRA', t5Short: 78.8, t5Long: 72.4, llama: 77.6, llamaBackwardTransfer: -4.9 },
  { method: 'GORP', t5Short: 79.8, t5Long: 76.0, llama: 78.6, llamaBackwardTransfer: -0.8 },
  { method: 'Multi-task (upper bound)', t5Short: 80.0, t5Long: null, llama: null, llamaBackwardTransfer: null },
];
