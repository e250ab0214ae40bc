/** Every command, in the order in which help shows them. */
import type { Command } from './command.ts';
import { keyCommands } from './commands/key.ts';
import { revokeCommands } from './commands/revoke.ts';
import { serveCommands } from './commands/serve.ts';
import { tokenCommands } from './commands/token.ts';

export const commands: readonly Command[] = [
  ...serveCommands,
  ...keyCommands,
  ...tokenCommands,
  ...revokeCommands,
];
