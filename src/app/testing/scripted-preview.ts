import type { AskForPreview } from '../preview/preview-worker.ts';

const TEXT = 'Task:TC\nDataset:gloss\nWhat is the topic? Option: animal, plant \na tall tree with white bark\nAnswer:';

/** An invented example of the first task of the order. */
export const scriptedPreview: AskForPreview = ({ settings }, onAnswer) => {
  const words = TEXT.split(/(?= )/).map((text) => ({ text, isLabel: false }));
  const tokens = [...words, { text: ' plant', isLabel: true }, { text: '</s>', isLabel: true }];
  const preview = { task: settings.order[0], tokens, cut: false };
  const timer = setTimeout(() => onAnswer({ type: 'preview', preview }), 50);
  return () => clearTimeout(timer);
};
