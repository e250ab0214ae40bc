/** `mintmark revoke`: ends a token, or everything of a client, user, tenant or signing key. */
import { isJsonObject, ok, type Result } from '@mintmark/core';
import { parseSecretToken, parseSubKey, subKeyName, subKeyTargetId } from '@mintmark/tokens';
import type { Command, CommandRefusal, Invocation } from '../command.ts';
import { readSecret } from '../secret-input.ts';
import { fields } from '../style.ts';
import { decodeJwt } from './decode-jwt.ts';
import { rowsOf, send, usage } from './send.ts';

/** Option → kind of target on the wire. */
const targets = {
  token: 'token',
  key: 'key',
  'sub-key': 'sub_key',
  family: 'family',
  client: 'client',
  user: 'user',
  tenant: 'tenant',
  'signing-key': 'signing_key',
} as const;

const revoke: Command = {
  name: 'revoke',
  summary: 'ends credentials for good, everywhere',
  description:
    'Answers once the revocation is durable and holds on the server; gateways that are connected ' +
    'refuse within a second. Name exactly one target.',
  options: [
    {
      flags: '--token <id>',
      description: 'one access token, by its id (jti); - reads the token from standard input',
    },
    { flags: '--key <id>', description: 'one API key' },
    { flags: '--sub-key <id>', description: 'one sub-key, and all that was made from it' },
    { flags: '--family <id>', description: 'all tokens of one sign-in' },
    { flags: '--client <id>', description: 'all tokens of a client' },
    { flags: '--user <id>', description: 'all tokens of a user, and the API keys that he owns' },
    { flags: '--tenant <id>', description: 'all tokens and API keys of a tenant' },
    { flags: '--signing-key <kid>', description: 'all tokens that a key has signed' },
    {
      flags: '--before <time>',
      description: 'only what was issued before this moment (RFC 3339)',
    },
    { flags: '--reason <text>', description: 'why, for the audit trail', required: true },
  ],
  examples: [
    ['mintmark revoke --client ci --reason "secret in a log"', 'every token of the client'],
    [
      'mintmark revoke --tenant default --before 2026-11-21T09:00:00Z --reason breach',
      'all of before',
    ],
    ['mintmark revoke --signing-key kT2v… --reason stolen', 'every token that it signed'],
  ],
  async run(invocation) {
    const target = await targetOf(invocation);
    if (!target.ok) return target;
    const { options } = invocation;
    const body = {
      target: target.value,
      reason: options.text('reason'),
      before: options.text('before'),
    };
    const request = { method: 'POST', path: '/v1/revocations', body, creates: true } as const;
    return send(invocation, request, (style, answer) =>
      [
        style.good('revoked'),
        fields(style, rowsOf(answer, ['id', 'effective_at', 'feed_position'])),
      ].join('\n'),
    );
  },
};

export const revokeCommands: readonly Command[] = [revoke];

interface Target {
  readonly kind: string;
  readonly id: string;
}

async function targetOf(invocation: Invocation): Promise<Result<Target, CommandRefusal>> {
  const named = Object.entries(targets).filter(
    ([option]) => invocation.options.text(option) !== undefined,
  );
  const [first] = named;
  if (first === undefined || named.length > 1) {
    return usage('name exactly one target', 'for example --client ci');
  }
  const [option, kind] = first;
  const id = invocation.options.text(option)!;
  if (kind !== 'token' || id !== '-') return ok({ kind, id });
  const token = await readSecret(invocation.ports, '-');
  return token.ok ? tokenTarget(token.value) : token;
}

/** The id inside a token: a JWT's `jti`, the look-up id of an opaque one. */
function tokenTarget(token: string): Result<Target, CommandRefusal> {
  const prefix = token.split('_', 1)[0]!;
  const derived = parseSubKey(token, prefix);
  if (derived.ok) {
    const { keyId, links } = derived.value;
    return ok({ kind: 'sub_key', id: subKeyTargetId(keyId, subKeyName(links).id) });
  }
  const opaque = parseSecretToken(token, prefix);
  if (opaque.ok) {
    const kind = opaque.value.kind === 'key' ? 'key' : 'token';
    return ok({ kind, id: opaque.value.id });
  }
  const jwt = decodeJwt(token);
  const jti = jwt !== undefined && isJsonObject(jwt.claims) ? jwt.claims['jti'] : undefined;
  if (typeof jti === 'string') return ok({ kind: 'token', id: jti });
  return usage('standard input holds no token of ours', 'give its id after --token');
}
