/**
 * A command as a value: its name, help and action. `program.ts` joins them to a command line, and
 * `reference.ts` to a page, so help and documentation cannot drift apart.
 */
import type { Result } from '@mintmark/core';
import type { Api } from './api/api.ts';
import type { LoadedConfig } from './config/load.ts';
import type { CliPorts } from './ports.ts';
import type { Style } from './style.ts';

export interface Command {
  /** Words of the command, such as `key create`. */
  readonly name: string;
  readonly summary: string;
  /** Paragraphs below the summary. */
  readonly description?: string;
  readonly operands?: readonly {
    /** `<id>` required, `[file]` optional, `<files...>` one or more. */
    readonly name: string;
    readonly description: string;
  }[];
  readonly options?: readonly Option[];
  /** Takes every setting of the configuration as a flag. */
  readonly configured?: true;
  /** Command lines that work, each with what it does. */
  readonly examples: readonly (readonly [line: string, effect: string])[];
  run(invocation: Invocation): Promise<Outcome>;
}

export interface Option {
  /** `--scope <scope>`, `--force`, `--scope <scopes...>` for one that may be repeated. */
  readonly flags: string;
  readonly description: string;
  readonly required?: true;
  readonly choices?: readonly string[];
}

export interface Invocation {
  readonly ports: CliPorts;
  /** In the order of `operands`; undefined where an optional one is missing. */
  readonly operands: readonly (string | readonly string[] | undefined)[];
  readonly options: OptionValues;
  readonly json: boolean;
  readonly style: Style;
  /** @throws ConfigFault */
  config(): LoadedConfig;
  /** The server's management API, with the credential of this call. */
  api(): Promise<Result<Api, CommandRefusal>>;
}

/** Typed access to what commander parsed. */
export interface OptionValues {
  text(name: string): string | undefined;
  list(name: string): readonly string[] | undefined;
  flag(name: string): boolean;
}

/** What a command has to say when it succeeds. */
export interface Shown {
  readonly json: unknown;
  readonly text: (style: Style) => string;
  /** The answer is a no (an inactive key, a broken log): exit 1. */
  readonly negative?: boolean;
  /** Exit code of an answer that only came half-way. */
  readonly ending?: number;
}

export type CommandRefusal =
  /** The server said no. */
  | {
      readonly reason: 'refused';
      readonly status: number;
      readonly code: string;
      readonly title: string;
      readonly detail?: string | undefined;
      readonly errors?: readonly { readonly pointer: string; readonly message: string }[];
      readonly requestId?: string | undefined;
      readonly hint?: string | undefined;
    }
  /** The command line does not say something that can be done. */
  | { readonly reason: 'usage'; readonly message: string; readonly hint?: string };

export type Outcome = Result<Shown, CommandRefusal>;
