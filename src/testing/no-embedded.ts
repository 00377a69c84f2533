import type { EmbeddedPlaces } from '../weights/source.ts';

const NOWHERE = { url: '', version: '' };

/** For tests that open no embedded model. */
export const NO_EMBEDDED: EmbeddedPlaces = { model: NOWHERE, llama: NOWHERE };
