export { variants } from './dist/matmul.js';
