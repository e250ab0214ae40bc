/**
 * The world failed: disk, network, configuration, a dependency. Thrown, never returned. `code` is
 * stable and documented in docs/errors.md; `hint` tells an operator what to do. Neither the message
 * nor the hint may carry a secret or a token: identifiers only.
 */
export class Fault extends Error {
  readonly code: string;
  readonly hint: string | undefined;

  constructor(code: string, message: string, options: { cause?: unknown; hint?: string } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.code = code;
    this.hint = options.hint;
  }
}

/** The configuration cannot be used as it is; `hint` says what to write instead. */
export class ConfigFault extends Fault {}

/** The store could not complete an operation; nothing of it holds. */
export class StoreFault extends Fault {}

/** Key custody could not wrap, unwrap, sign or MAC. */
export class CustodyFault extends Fault {}

/** A network peer could not be reached, or answered outside its contract. */
export class NetworkFault extends Fault {}
