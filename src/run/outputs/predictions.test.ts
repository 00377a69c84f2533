import { expect, it } from 'vitest';
import { runKeepingRounds } from '../../testing/kept-run.ts';
import { tinySettings } from '../../testing/tiny-run.ts';
import { PREDICTIONS_FILE, readPredictions } from './predictions.ts';

