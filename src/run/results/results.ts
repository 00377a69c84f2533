import * as v from 'valibot';
import { confusionFault } from './answers.ts';
import { measuresFault } from './measures.ts';
import { sizeFault } from '../settings/results-bounds.ts';
import { FieldsSchema, type Results } from './results-fields.ts';

export * from './results-fields.ts';

/** @param faultOf says in words what is wrong with results; null if nothing is. */
const agrees = (
  faultOf: (results: Results) => string | null,
): v.CheckAction<Results, (issue: v.CheckIssue<Results>) => string> =>
  v.check(
    (results) => faultOf(results) === null,
    ({ input }) => faultOf(input) ?? '',
  );

/** The results file: its fields, which agree with each other. */
export const ResultsSchema = v.pipe(FieldsSchema, agrees(sizeFault), agrees(measuresFault), agrees(confusionFault));
