/** `npm start`: installs what is missing, then serves from `./data`. Options go on to `serve`. */
import { fileURLToPath } from 'node:url';
import { prepare } from './setup.mjs';

prepare();
// As npm sets it: the server ends with whoever started it.
process.env.npm_command ??= 'run-script';
const command = import.meta.resolve('mintmark/bin');
process.argv.splice(1, 1, fileURLToPath(command), 'serve');
await import(command);
