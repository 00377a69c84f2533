export { step } from '../dist/step-cpu.js';
