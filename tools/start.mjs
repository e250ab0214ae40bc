/** `npm start`: installs what is missing, then serves from `./data`. Options go on to `serve`. */
import { prepare } from './setup.mjs';

prepare();
stopWithParent();
process.argv.splice(2, 0, 'serve');
await import('mintmark/bin');

/** npm does not pass a SIGTERM on: whoever stops it would leave the server behind, unseen. */
function stopWithParent() {
  const parent = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(watch);
    process.kill(process.pid, 'SIGTERM');
  }, 500);
  watch.unref();
}
