/** `npm start`: installs what is missing, then serves from `./data`. Options go on to `serve`. */
import { prepare } from './setup.mjs';

prepare();
process.argv.splice(2, 0, 'serve');
await import('mintmark/bin');
