/** A model that comes with the app. */
export interface EmbeddedModel {
  /** As the settings of a run name it. */
  readonly reference: string;
  /** Its folder in `public/embedded`. */
  readonly folder: 'model' | 'llama';
  readonly name: string;
}

/** The first is the one that runs begin with. */
export const EMBEDDED_MODELS: readonly EmbeddedModel[] = [
  { reference: 'embedded', folder: 'model', name: 'Embedded small T5' },
  { reference: 'embedded-llama', folder: 'llama', name: 'Embedded small LLaMA' },
];

/** The embedded model that a setting names; undefined where it names another model. */
export const embeddedModel = (reference: string): EmbeddedModel | undefined =>
  EMBEDDED_MODELS.find((model) => model.reference === reference);
