export { step } from './dist/step.js';
