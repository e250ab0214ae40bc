/**
 * What is not there, in words: the kind and the id of the thing that a path names. The path of the
 * endpoint says the kind, so that no handler has to.
 */

/** Segments whose singular is no word for people. */
const kinds: Readonly<Record<string, string>> = {
  'admin-keys': 'admin key',
  'authentication-requests': 'authentication request',
  'signing-keys': 'signing key',
  'assertion-issuers': 'assertion issuer',
  'authorization-details-types': 'type of authorization details',
  apis: 'API',
  bulk: 'bulk change',
  pats: 'personal access token',
  policies: 'policy',
  'custody/keys': 'root key',
};

/** What is longer may be a secret that somebody took for an id: its beginning must do. */
const shownCharsMax = 24;
const beginningChars = 8;

/**
 * @param path of the endpoint, such as `/v1/keys/{id}`
 * @returns such as `no key "0b9x"`; undefined where the path names nothing
 */
export function absence(
  path: string,
  params: Readonly<Record<string, string>>,
): string | undefined {
  const { kind: named } = params;
  const segments = path.split('/');
  const names = segments.flatMap((segment, index) => {
    const value = segment.startsWith('{') ? params[segment.slice(1, -1)] : undefined;
    if (value === undefined || segment === '{kind}') return [];
    const before = segments.slice(0, index);
    const kind = before.at(-1) === '{kind}' ? spoken(shown(named ?? '')) : kindOf(before);
    return [`${kind} "${shown(value)}"`];
  });
  return names.length === 0 ? undefined : `no ${names.join(', ')}`;
}

function kindOf(before: readonly string[]): string {
  const last = before.at(-1) ?? '';
  return kinds[before.slice(-2).join('/')] ?? kinds[last] ?? spoken(last.replace(/s$/, ''));
}

function spoken(kind: string): string {
  return kind.replaceAll(/[-_]/g, ' ');
}

function shown(value: string): string {
  return value.length > shownCharsMax ? `${value.slice(0, beginningChars)}…` : value;
}
