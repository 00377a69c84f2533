import type { ModelsEvent } from '../../worker/protocol.ts';
import type { OpenModelsSession } from '../models/models-session.ts';

const MIB = 2 ** 20;
const COMMIT = 'df1b051c49625cf57a3d0d8d3863ed4d13564fe4';
const hub = (id: string): { folder: string; reference: string } => ({
  folder: `https://huggingface.co/${id}/resolve/${COMMIT}/`,
  reference: `${id}@${COMMIT}`,
});

const STORED: ModelsEvent = {
  type: 'stored',
  models: [
    { folder: new URL('embedded/model/', document.baseURI).href, reference: 'x', bytes: 3.8 * MIB, isComplete: true },
    { ...hub('google-t5/t5-small'), bytes: 232 * MIB, isComplete: true },
    { ...hub('google-t5/t5-large'), bytes: 1210 * MIB, isComplete: false },
  ],
  usageBytes: 1446 * MIB,
  quotaBytes: 9000 * MIB,
};

/** Stored models, and the downloads of the scene. */
export const scriptedModels =
  (scene: string): OpenModelsSession =>
  (onEvent) => ({
    send: (command) => {
      if (command.type === 'list') onEvent(STORED);
      if (command.type === 'break') onEvent({ type: 'broken-off', model: 'google-t5/t5-large' });
      if (command.type !== 'fetch') return;
      const { model } = command;
      const done = { file: 'model.safetensors', bytes: 1322 * MIB, totalBytes: 2816 * MIB };
      onEvent({ type: 'fetching', model, progress: { ...done, source: 'network', bytesPerSecond: 11.2 * MIB } });
      if (scene !== 'failed') return;
      const error = {
        code: 'weights/interrupted' as const,
        message: 'The connection broke after 1386217472 bytes of https://huggingface.co/google-t5/t5-large.',
        nextStep: 'Check the connection and start again: the download resumes there if the server allows it.',
      };
      onEvent({ type: 'failed', error });
    },
  });
