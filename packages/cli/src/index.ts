export { referencePages } from './reference.ts';
