/** Every command, in the order in which help shows them. */
import type { Command } from './command.ts';
import { keyCommands } from './commands/key.ts';

export const commands: readonly Command[] = [...keyCommands];
