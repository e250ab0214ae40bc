/** What PostgreSQL and the way to it say, as faults that tell an operator what to do. */
import { StoreFault } from '@mintmark/core';

interface ServerError {
  readonly code?: string;
  readonly severity?: string;
  readonly message?: string;
}

/**
 * @param doing what was tried, for the message
 * @param sent whether the server may have carried it out: then a lost connection leaves it open
 */
export function postgresFault(
  error: unknown,
  doing: string,
  sent: 'sent' | 'not sent',
): StoreFault {
  if (error instanceof StoreFault) return error;
  const [code, hint] = isLost(error) ? lostFault(error, sent) : answeredFault(codeOf(error));
  const reason = (error as ServerError).message ?? String(error);
  return new StoreFault(code, `${doing}: ${reason}`, { cause: error, hint });
}

export function codeOf(error: unknown): string {
  return (error as ServerError).code ?? '';
}

/**
 * Anything but an ordinary error of the server. A FATAL one ends the connection and may come after
 * the commit, so it says nothing about it.
 */
function isLost(error: unknown): boolean {
  const { severity } = error as ServerError;
  return severity !== 'ERROR';
}

function lostFault(error: unknown, sent: 'sent' | 'not sent'): [code: string, hint: string] {
  if (sent === 'sent') {
    return ['store_outcome_unknown', 'look whether it holds before it is repeated'];
  }
  // Class 28: the server does not know us, or not with this password.
  if (codeOf(error).startsWith('28')) {
    return ['store_permissions', 'check user and password in the database URL'];
  }
  return ['store_unreachable', 'check the database URL, and that the server runs'];
}

/** Errors of the server, after which its transaction is undone: nothing of the act holds. */
function answeredFault(code: string): [code: string, hint: string] {
  switch (code) {
    case '23505':
      return ['store_conflict', 'a key that had to be free was taken'];
    case '25006':
      return ['store_readonly', 'the server is a standby: name the primary in the database URL'];
    case '53100':
      return ['store_full', 'free space on the server; nothing was lost'];
    case '57014':
    case '55P03':
    case '40001':
    case '40P01':
      return ['store_timeout', 'too many callers wait for the same rows: try again later'];
    case '42501':
      return ['store_permissions', 'the database user must own the schema'];
    case 'XX001':
    case 'XX002':
      return ['store_corrupt', 'stop, and restore the newest backup of the server'];
    default:
      return ['store_io', 'see the log of the server'];
  }
}
