/** `mintmark key derive` and `key inspect`: sub-keys, without a server. */
import {
  limits,
  nowSeconds,
  ok,
  type Result,
  rfc3339,
  type UnixMs,
  type UnixSeconds,
} from '@mintmark/core';
import {
  type DeriveRefusal,
  deriveSubKey,
  isSubKeyText,
  parseSecretToken,
  parseSubKey,
  type SubKey,
  type SubKeyLink,
  type SubKeyRestrictions,
  subKeyTargetId,
} from '@mintmark/tokens';
import { pathOf } from '../api/api.ts';
import type { Command, CommandRefusal, Invocation, Outcome } from '../command.ts';
import { parseDuration } from '../duration.ts';
import { readSecret, readToken, tokenOperand } from '../secret-input.ts';
import { fields, type Style, table } from '../style.ts';
import { cell, type Item, list, maxOption, rowsOf, usage } from './send.ts';

const derive: Command = {
  name: 'key derive',
  summary: 'makes a narrower, shorter-lived key from a key, without asking the server',
  description:
    'Reads an API key, or a sub-key to narrow it further (three times at most), and prints a ' +
    'sub-key. What is not named stays as the key has it; nothing can be widened. It ends with ' +
    'its key at the latest, and can be revoked by itself.',
  options: [
    { flags: '--from-env <name>', description: 'variable that holds the key' },
    { flags: '--stdin', description: 'read the key from standard input; the default' },
    { flags: '--expires-in <span>', description: 'life, such as 15m; 90d at most', required: true },
    { flags: '--starts-in <span>', description: 'refused until then' },
    { flags: '--scope <scopes...>', description: 'what it may do, of what the key may' },
    { flags: '--without-scopes', description: 'no scope at all' },
    { flags: '--audience <audiences...>', description: 'API that it may be used at' },
    { flags: '--route <routes...>', description: 'gateway route that it may be used at' },
    { flags: '--method <methods...>', description: 'HTTP method that it may be used with' },
    { flags: '--path-prefix <path>', description: 'path below which it may be used' },
    { flags: '--address <blocks...>', description: 'address or block that it works from' },
    { flags: '--label <text>', description: 'what it is for; stands in logs and decisions' },
  ],
  examples: [
    [
      'mintmark key derive --from-env DEPLOY_KEY --scope packages:read --expires-in 15m',
      'for one job of CI',
    ],
    [
      'mintmark key derive --expires-in 1h --method GET --path-prefix /v1/reports < key.txt',
      'one that only reads reports',
    ],
  ],
  async run(invocation) {
    const { options, ports } = invocation;
    const variable = options.text('from-env');
    if (variable !== undefined && options.flag('stdin')) return usage('--from-env or --stdin');
    const parent = await readSecret(ports, variable === undefined ? '-' : `env:${variable}`);
    if (!parent.ok) return parent;
    const times = timesOf(invocation);
    if (!times.ok) return times;
    const made = deriveSubKey({
      parent: parent.value.trim(),
      prefix: prefixOf(parent.value.trim()),
      entropy: ports.entropy,
      restrictions: {
        ...times.value,
        label: options.text('label'),
        scopes: options.flag('without-scopes') ? [] : options.list('scope'),
        audiences: options.list('audience'),
        routes: options.list('route'),
        methods: options.list('method')?.map((method) => method.toUpperCase()),
        pathPrefix: options.text('path-prefix'),
        addresses: options.list('address'),
      },
    });
    if (!made.ok) return usage(...messageOf(made.refusal, parent.value.trim()));
    const { text, subKey } = made.value;
    return ok({ json: { sub_key: text, ...described(subKey) }, text: () => text });
  },
};

function timesOf({
  options,
  ports,
}: Invocation): Result<
  { issuedAt: UnixSeconds; expiresAt: UnixSeconds; notBefore: UnixSeconds | undefined },
  CommandRefusal
> {
  const issuedAt = nowSeconds(ports.clock);
  const life = parseDuration('expires-in', options.text('expires-in')!);
  if (!life.ok) return life;
  const startsIn = options.text('starts-in');
  const wait = startsIn === undefined ? ok(undefined) : parseDuration('starts-in', startsIn);
  if (!wait.ok) return wait;
  const after = (seconds: number) => (issuedAt + seconds) as UnixSeconds;
  const notBefore = wait.value === undefined ? undefined : after(wait.value);
  return ok({ issuedAt, expiresAt: after(life.value), notBefore });
}

function prefixOf(text: string): string {
  return text.split('_', 1)[0]!;
}

function messageOf(refusal: DeriveRefusal, parent: string): [message: string, hint: string] {
  switch (refusal.reason) {
    case 'no_parent':
      return noParent(parent);
    case 'too_deep':
      return [
        `a sub-key has at most ${limits.subKeyLinksMax} links, and this one has them`,
        'derive from the key itself, or from an earlier sub-key',
      ];
    case 'outlives_parent':
      return ['it would live longer than the sub-key it comes from', 'shorten --expires-in'];
    case 'too_long':
      return ['it would be longer than a sub-key may be', 'name fewer or shorter restrictions'];
    case 'malformed_restriction':
      return [`${flags[refusal.member] ?? '--expires-in'} has not its form`, forms[refusal.member]];
  }
}

/** Why a text is none that anything can be derived from; it is a secret, and not said again. */
function noParent(text: string): [message: string, hint: string] {
  const hint = 'give one that reads mm_key_…, mm_pat_… or mm_sub_…';
  const prefix = prefixOf(text);
  const read = isSubKeyText(text, prefix) ? parseSubKey(text, prefix) : undefined;
  const parsed = read ?? parseSecretToken(text, prefix);
  if (!parsed.ok && parsed.refusal.reason === 'bad_checksum') {
    return ['it is mistyped or cut off: its checksum does not fit', 'copy it again, whole'];
  }
  if (parsed.ok && 'kind' in parsed.value) {
    return [`nothing can be derived from a token of the kind "${parsed.value.kind}"`, hint];
  }
  return ['this is no API key, no personal access token and no sub-key', hint];
}

const flags: Readonly<Partial<Record<keyof SubKeyRestrictions, string>>> = {
  notBefore: '--starts-in',
  label: '--label',
  scopes: '--scope',
  audiences: '--audience',
  routes: '--route',
  methods: '--method',
  pathPrefix: '--path-prefix',
  addresses: '--address',
};

const days = limits.subKeySecondsMax / 86_400;
const lists = `${limits.subKeyListMax} at most`;

const forms: Readonly<Record<keyof SubKeyRestrictions, string>> = {
  issuedAt: 'set the clock of this machine right',
  expiresAt: `more than nothing, and at most ${days}d`,
  notBefore: 'a span such as 10m',
  label: `1 to ${limits.subKeyLabelCharsMax} characters of ASCII`,
  scopes: `words without quotes and backslashes, ${lists}`,
  audiences: `texts without spaces, ${lists}`,
  routes: `names of routes, ${lists}`,
  methods: `letters, such as GET, ${lists}`,
  pathPrefix: 'begins with /, without query, %, empty segments and dot segments',
  addresses: `such as 192.0.2.0/24 or 2001:db8::1, ${lists}`,
};

const inspect: Command = {
  name: 'key inspect',
  summary: 'shows what a key or sub-key says of itself; nothing is verified',
  operands: [tokenOperand],
  examples: [['mintmark key inspect < sub-key.txt', 'whose it is, and what each link takes away']],
  async run(invocation) {
    const token = await readToken(invocation);
    if (!token.ok) return token;
    return shown(token.value);
  },
};

function shown(text: string): Outcome {
  const prefix = prefixOf(text);
  if (!isSubKeyText(text, prefix)) {
    const key = parseSecretToken(text, prefix);
    if (!key.ok) return usage(`this is no key: ${key.refusal.reason}`);
    const { kind, id } = key.value;
    return ok({
      json: { kind, id },
      text: (style) =>
        fields(style, [
          ['kind', kind],
          ['id', id],
        ]),
    });
  }
  const parsed = parseSubKey(text, prefix);
  if (!parsed.ok) return usage(`this is no sub-key: ${parsed.refusal.reason}`);
  const json = described(parsed.value);
  return ok({ json, text: (style) => inspected(style, json) });
}

function described({ keyId, links }: SubKey) {
  return { kind: 'sub', key: keyId, links: links.map((link) => describedLink(keyId, link)) };
}

function describedLink(keyId: string, link: SubKeyLink): Item {
  const members = {
    id: subKeyTargetId(keyId, link.id),
    label: link.label,
    issued_at: timeOf(link.issuedAt),
    not_before: timeOf(link.notBefore),
    expires_at: timeOf(link.expiresAt),
    scopes: link.scopes,
    audiences: link.audiences,
    routes: link.routes,
    methods: link.methods,
    path_prefix: link.pathPrefix,
    addresses: link.addresses,
  };
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));
}

function timeOf(seconds: UnixSeconds | undefined): string | undefined {
  return seconds === undefined ? undefined : rfc3339((seconds * 1000) as UnixMs);
}

function inspected(style: Style, { key, links }: ReturnType<typeof described>): string {
  const parts = links.map((link, index) => {
    const title = `link ${index + 1} of ${links.length}`;
    return [title, fields(style, rowsOf(link, Object.keys(link)))].join('\n');
  });
  return [style.warn('not verified'), fields(style, [['key', key]]), ...parts].join('\n');
}

const listSubKeys: Command = {
  name: 'key sub-keys',
  summary: 'lists what was derived from a key and used',
  operands: [{ name: '<id>', description: 'the key id, as list shows it' }],
  options: [maxOption],
  examples: [['mintmark key sub-keys 0b9xTq3LkWm2PzR7v', 'ids to revoke, labels, last use']],
  run(invocation) {
    const path = pathOf`/v1/keys/${invocation.operands[0] as string}/sub-keys`;
    const counted = ['last_used_at', 'last_address', 'uses_allowed', 'uses_denied'];
    const columns = ['id', 'label', 'status', ...counted];
    return list(invocation, { path }, (style, items) =>
      table(
        style,
        ['ID', 'LABEL', 'STATUS', 'LAST USED', 'FROM', 'ALLOWED', 'DENIED'],
        items.map((item) => columns.map((name) => cell(item, name))),
      ),
    );
  },
};

export const subKeyCommands: readonly Command[] = [derive, inspect, listSubKeys];
