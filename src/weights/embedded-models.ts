/** A model that comes with the app. */
export interface EmbeddedModel {
  /** Its name in a run's settings. */
  readonly reference: string;
  /** Its folder in `public/embedded`. */
  readonly folder: 'model' | 'llama';
  readonly name: string;
  /** As the hub names licences. */
  readonly licence: string;
}

/** The first is the default of new runs. */
export const EMBEDDED_MODELS: readonly EmbeddedModel[] = [
  { reference: 'embedded', folder: 'model', name: 'Embedded small T5', licence: 'apache-2.0' },
  { reference: 'embedded-llama', folder: 'llama', name: 'Embedded small LLaMA', licence: 'apache-2.0' },
];

/** The embedded model that a setting names; undefined for any other model. */
export const embeddedModel = (reference: string): EmbeddedModel | undefined =>
  EMBEDDED_MODELS.find((model) => model.reference === reference);

/** The files of an embedded model that are read, so that no other is asked for. */
export const EMBEDDED_FILES: readonly string[] = [
  'config.json',
  'tokenizer.json',
  'tokenizer_config.json',
  'model.safetensors',
];
