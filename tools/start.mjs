/** `npm start`: installs what is missing, then serves from `./data`. Options go on to `serve`. */
import { prepare } from './setup.mjs';

prepare();
// As npm sets it: the server ends with whoever started it.
process.env.npm_command ??= 'run-script';
process.argv.splice(2, 0, 'serve');
await import('mintmark/bin');
