/** Sources shared by several methods. */
export const GORP_PAPER =
  'Wang, Lyu, Sun, Jing: Continual Gradient Low-Rank Projection Fine-Tuning for LLMs. ACL 2025, arXiv 2507.02503.';
export const LORA_PAPER = 'Hu, Shen, Wallis, Allen-Zhu, Li, Wang, Wang, Chen: LoRA. ICLR 2022, arXiv 2106.09685.';
export const REPLAY_PAPER =
  'Rolnick, Ahuja, Schwarz, Lillicrap, Wayne: Experience Replay for Continual Learning. NeurIPS 2019, arXiv 1811.11682.';
