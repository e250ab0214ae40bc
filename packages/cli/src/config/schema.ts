/**
 * The configuration as one schema: what `mintmark.yaml` may hold. From it come the parser, the
 * environment names, the flags, the published JSON Schema and docs/configuration.md. Defaults are
 * the safe choice; a weaker one is spelled out by the operator.
 */
import { defaultTenant, limits } from '@mintmark/core';
import { z } from 'zod';
import { cacheSection } from './cache-section.ts';
import { proxyMembers } from './proxy-section.ts';
import { secretReference } from './secret-reference.ts';
import { threatsSection } from './threats-section.ts';

/** `HOST:PORT`; IPv6 in brackets. Port 0 takes a free one. */
const listenAddress = z
  .string()
  .regex(/^(?:\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+):\d{1,5}$/, 'must be HOST:PORT')
  .refine((text) => Number(text.slice(text.lastIndexOf(':') + 1)) <= 65_535, 'port above 65535');

/** Where an installation stands that nobody has named. */
export const dataByDefault = './data';

const tenantName = z.string().regex(/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/);

const baseUrl = z
  .string()
  .regex(/^https?:\/\/[^/?#\s@][^?#\s@]*[^/?#\s@]$/, 'must be an http(s) URL without final slash');

const database = z.string().regex(/^(?:sqlite:|postgres(?:ql)?:\/\/|env:|file:)\S+$/, {
  message: 'must be sqlite:DIR, postgres://…, or a reference to one: env:NAME, file:PATH',
});

const seconds = (min: number, max: number) => z.number().int().min(min).max(max);

const tenantsOfTarget = z
  .array(tenantName)
  .min(1)
  .default([defaultTenant])
  .describe('tenants whose rules may name the target');

const httpsUrl = z
  .string()
  .regex(
    /^https:\/\/[^/?#\s@]+(?:\/[^?#\s@]*[^/?#\s@])?$/,
    'must be an https URL without final slash',
  );

/** Where rotations bring new secrets: only the operator says, and rules name what is here. */
const deliveryTarget = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('webhook'),
    tenants: tenantsOfTarget,
    url: httpsUrl,
    secret: secretReference.describe('reference to what requests are signed by, 32 bytes or more'),
  }),
  z.strictObject({
    type: z.literal('file'),
    tenants: tenantsOfTarget,
    folder: z.string().regex(/^\//, 'must be an absolute path').describe('rules name files in it'),
    mode: z
      .string()
      .regex(/^0?[0-7]{3}$/, 'must be octal, such as 0640')
      .default('0600')
      .describe('who may read the files, as chmod takes it'),
  }),
  z.strictObject({
    type: z.literal('kubernetes'),
    tenants: tenantsOfTarget,
    server: httpsUrl.describe('URL of the API server'),
    namespace: z.string().regex(/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/),
    token: secretReference.describe('reference to a service account’s token; read each time'),
    ca: z.string().optional().describe('PEM file with the authority of the API server'),
  }),
  z.strictObject({
    type: z.literal('vault'),
    tenants: tenantsOfTarget,
    url: httpsUrl.describe('URL of Vault or OpenBao'),
    mount: z
      .string()
      .regex(/^[A-Za-z0-9_-]+(?:\/[A-Za-z0-9_-]+)*$/)
      .default('secret')
      .describe('where the key-value store (version 2) is mounted'),
    prefix: z
      .string()
      .regex(/^(?:[A-Za-z0-9_-]+\/)*$/, 'must end with a slash')
      .default('')
      .describe('before every path that a rule names'),
    namespace: z
      .string()
      .regex(/^[A-Za-z0-9_/-]+$/)
      .optional(),
    token: secretReference.describe('reference to a token of Vault; read each time'),
    ca: z.string().optional().describe('PEM file with the authority of the server'),
  }),
  z.strictObject({
    type: z.literal('command'),
    tenants: tenantsOfTarget,
    argv: z
      .tuple([z.string().regex(/^\//, 'must be an absolute path')], z.string())
      .describe('program and arguments; no shell; the secret comes on standard input'),
  }),
]);

const algorithm = z.enum([
  'RS256',
  'PS256',
  'ES256',
  'EdDSA',
  'ML-DSA-44',
  'ML-DSA-65',
  'ML-DSA-87',
]);

const listener = (port: number) => ({
  listen: listenAddress
    .default(`127.0.0.1:${port}`)
    .describe('address and port; plain HTTP is refused outside loopback'),
  tls_cert: z.string().optional().describe('PEM file with the certificate chain'),
  tls_key: z.string().optional().describe('PEM file with its private key, mode 600'),
  insecure_http: z
    .boolean()
    .default(false)
    .describe('allows plain HTTP on other addresses than loopback; never on an open network'),
  trusted_proxies: z
    .array(z.string())
    .default([])
    .describe('address blocks whose X-Forwarded-For is believed'),
  tls_client_ca: z
    .string()
    .optional()
    .describe('PEM file: asks clients for certificates, and trusts those of these authorities'),
  tls_client_certificates: z
    .boolean()
    .default(false)
    .describe('asks clients for certificates without an authority: self-signed ones'),
  tls_aes_gcm_only: z
    .boolean()
    .default(false)
    .describe('offers TLS 1.2 with AES-GCM alone, as FAPI 1.0 demands, beside TLS 1.3'),
  client_certificate_header: z
    .string()
    .regex(/^[A-Za-z0-9-]{1,64}$/, 'must be the name of a header')
    .optional()
    .describe(
      'header in which a trusted proxy passes on the certificate of its client, as RFC 9440 ' +
        '(Client-Cert) or nginx ($ssl_client_escaped_cert) write it',
    ),
  client_certificate_verified: z
    .boolean()
    .default(false)
    .describe('whether that proxy takes only certificates of authorities that it trusts'),
});

export const configSchema = z.strictObject({
  data: z.string().min(1).default(dataByDefault).describe('folder of everything that is kept'),
  issuer: baseUrl
    .optional()
    .describe('base URL under which clients reach the authority; default: where it listens'),
  prefix: z
    .string()
    .regex(/^[a-z][a-z0-9]{1,11}$/, 'must be 2–12 of a-z and 0-9')
    .default('mm')
    .describe('begins every credential of this installation; fixed when it is initialised'),
  database: database
    .optional()
    .describe(
      'sqlite:DIR, postgres://…, or a reference to one; default: sqlite in the data folder',
    ),
  accept_earlier_clock: z
    .boolean()
    .default(false)
    .describe('starts although the newest audit record is of a later time; for one start only'),
  cache: cacheSection,
  authority: z
    .strictObject({
      ...listener(8420),
      mtls_url: z
        .url({ protocol: /^https$/ })
        .optional()
        .describe(
          'base URL at which clients with certificates find the same endpoints, where a proxy or ' +
            'another listener asks for certificates there alone (mtls_endpoint_aliases)',
        ),
      dpop_nonces: z
        .boolean()
        .default(false)
        .describe('sends DPoP proofs without a nonce back for one'),
    })
    .prefault({}),
  gateway: z
    .strictObject({
      ...listener(8480),
      enabled: z.boolean().default(true).describe('whether `serve` starts a gateway beside it'),
      authority: baseUrl
        .optional()
        .describe('base URL of the authority, for `mintmark gateway` apart from it'),
      token: secretReference
        .optional()
        .describe('reference to the credential with which the gateway asks the authority'),
      tenant: tenantName.default(defaultTenant).describe('whose routes this gateway serves'),
      tenants: z
        .record(tenantName, secretReference)
        .default({})
        .describe(
          'of a gateway apart: credentials for other tenants that its routes name, by tenant',
        ),
      node: z
        .string()
        .regex(/^[A-Za-z0-9._-]{1,64}$/, 'must be 1–64 letters, digits, dots, dashes')
        .optional()
        .describe('name of this node in feeds and logs; default: the host name'),
      state: z
        .string()
        .min(1)
        .optional()
        .describe(
          'of a gateway apart: folder in which it keeps, sealed, what it heard, so that it can ' +
            'start without its authority; default: it keeps nothing',
        ),
      upstream_connect_timeout_seconds: seconds(1, 600)
        .default(limits.upstreamConnectTimeoutMs / 1000)
        .describe('until a connection to an upstream stands, TLS included'),
      upstream_headers_timeout_seconds: seconds(1, limits.upstreamTimeoutSecondsMax)
        .default(limits.upstreamHeadersTimeoutMs / 1000)
        .describe('until an upstream begins its answer, where the route does not say'),
      upstream_idle_timeout_seconds: seconds(1, limits.upstreamTimeoutSecondsMax)
        .default(limits.upstreamBodyIdleMs / 1000)
        .describe('a pause within its answer, where the route does not say'),
      upstream_ca: z
        .string()
        .optional()
        .describe(
          'PEM file with authorities that https upstreams may be signed by, beside the usual',
        ),
      ...proxyMembers,
      body_bytes_max: z
        .number()
        .int()
        .min(1)
        .max(limits.routeBodyBytesMax)
        .default(limits.gatewayBodyBytesMax)
        .describe('largest request body that is passed on, where the route does not say'),
      upload_bytes_per_second_min: z
        .number()
        .int()
        .min(0)
        .max(1_000_000)
        .default(limits.bodyBytesPerSecondMin)
        .describe('slower uploads, on average over 30 s, are cut; 0: none are'),
      dpop_nonces: z
        .boolean()
        .default(false)
        .describe(
          'asks for a nonce of this node in DPoP proofs: none counts at two nodes, and each ' +
            'client must stay with its node; without it a proof may be 10 seconds old',
        ),
      credential_requests_max: z
        .number()
        .int()
        .min(1)
        .max(1_000_000)
        .default(limits.credentialRequestsMax)
        .describe('requests under way with one credential; more are answered 429'),
      judge_listen: listenAddress
        .optional()
        .describe(
          'address and port where Envoy, nginx, Traefik and Caddy ask for decisions by HTTP; of ' +
            '`serve` also the authority’s port, where no proxy stands before it',
        ),
      grpc_listen: listenAddress
        .optional()
        .describe(
          'address and port where Envoy asks by gRPC: external authorization and rate limits',
        ),
      spop_listen: listenAddress
        .optional()
        .describe('address and port where HAProxy asks for decisions, by SPOP'),
      judge_proxies: z
        .array(z.string())
        .min(1)
        .default(['127.0.0.0/8', '::1'])
        .describe('address blocks of the proxies that may ask for decisions; nobody else is heard'),
      operations_listen: listenAddress
        .optional()
        .describe(
          'address and port of /livez, /readyz and /metrics of a gateway apart; ' +
            'default: 127.0.0.1:8481, or a free port where that is taken',
        ),
    })
    .prefault({}),
  custody: z
    .strictObject({
      file: z
        .string()
        .optional()
        .describe('the sealed file with the root keys; default: custody.json in the data folder'),
      key_file: z
        .string()
        .optional()
        .describe('file that opens it; default: custody.key in the data folder'),
      passphrase: secretReference
        .optional()
        .describe('reference to the passphrase that opens it, instead of a key file'),
    })
    .prefault({}),
  signing: z
    .strictObject({
      algorithms: z
        .array(algorithm)
        .min(1)
        // OpenID Connect Core §15.1: ID tokens are signed with RS256 where nothing else is asked
        // for, and a key that is made only then is in nobody's copy of the key set.
        .default(['ES256', 'RS256'])
        .describe('algorithms that keys are kept for; the first is the default'),
      encrypted_requests: z
        .boolean()
        .default(false)
        .describe('whether there is a key that clients may encrypt request objects to'),
      rotate_every_seconds: seconds(3600, 366 * 86_400)
        .default(30 * 86_400)
        .describe('how long a key signs'),
      publish_ahead_seconds: seconds(60, 30 * 86_400)
        .default(86_400)
        .describe('how long a key is published before it signs'),
    })
    .prefault({}),
  registration: z
    .strictObject({
      mode: z
        .enum(['off', 'token', 'open'])
        .default('off')
        .describe(
          'whether clients may register themselves: token asks for a credential with the ' +
            'permission clients:register',
        ),
      scopes: z
        .array(z.string())
        .default(['openid', 'profile', 'email', 'address', 'phone', 'offline_access'])
        .describe('scopes that such clients may ask for'),
      audiences: z
        .array(z.string())
        .default([])
        .describe('resources that such clients may ask tokens for; the first is the default'),
      metadata_documents: z
        .boolean()
        .default(false)
        .describe('whether a URL may be a client id, with the metadata behind it'),
      unused_seconds: seconds(86_400, 10 * 366 * 86_400)
        .optional()
        .describe('such clients go when they get no token for so long; default: they stay'),
      approval_scopes: z
        .array(z.string())
        .default([])
        .describe('those of the scopes that such a client gets once an administrator approves'),
      approval_grant_types: z
        .array(z.string())
        .default([])
        .describe('grants that such a client gets once an administrator approves'),
      require_pkce: z
        .boolean()
        .default(true)
        .describe(
          'false: confidential clients that register themselves need no PKCE, as the OpenID ' +
            'certification demands',
        ),
    })
    .prefault({}),
  tenants: z
    .strictObject({
      hosts: z
        .record(
          tenantName,
          z.string().regex(/^https?:\/\/[A-Za-z0-9.:[\]-]+$/, 'must be https://HOST'),
        )
        .default({})
        .describe('tenants that have a host of their own in place of ISSUER/t/TENANT, by tenant'),
    })
    .prefault({}),
  old_system: z
    .strictObject({
      url: z
        .string()
        .regex(/^https?:\/\/[^?#\s@]+$/, 'must be an http(s) URL without query')
        .optional()
        .describe('is asked about keys that are unknown here; https, or http on loopback'),
      mode: z
        .enum(['off', 'unknown', 'both'])
        .default('unknown')
        .describe('both: also about keys that came from there, to count where the answers differ'),
      request: z
        .enum(['introspection', 'json'])
        .default('introspection')
        .describe('how: token introspection (RFC 7662), or the body {"key": …}'),
      authorization: secretReference
        .optional()
        .describe('reference to the value of the Authorization header of those requests'),
      tenant: tenantName.default(defaultTenant).describe('whose keys they are'),
    })
    .prefault({})
    .describe('the system that API keys come from, while both know them'),
  leaks: z
    .strictObject({
      github_keys_url: z
        .string()
        .regex(/^https:\/\/[^?#\s@]+$/, 'must be an https URL without query')
        .optional()
        .describe(
          'where the keys are published that sign reports of GitHub’s secret scanning; without ' +
            'it and without the file, /leaks/github takes no reports',
        ),
      github_keys_file: z
        .string()
        .min(1)
        .optional()
        .describe('file with those keys as they are published there, in place of the URL'),
    })
    .prefault({})
    .describe('reports of leaked tokens from outside'),
  overload: z
    .strictObject({
      delay_ms: z
        .number()
        .int()
        .min(0)
        .max(60_000)
        .default(500)
        .describe(
          'when everything waits so many milliseconds, what matters least is turned away; ' +
            '0: nothing ever is',
        ),
    })
    .prefault({})
    .describe('who is turned away where not everything can be served'),
  threats: threatsSection,
  outbound: z
    .strictObject({
      ca: z
        .string()
        .optional()
        .describe('PEM file of an authority to trust in place of the system’s'),
      development_loopback: z
        .boolean()
        .default(false)
        .describe('for development only: URLs of clients may lead to this machine'),
    })
    .prefault({})
    .describe('requests that the authority makes to URLs which clients chose'),
  claims_hook: z
    .strictObject({
      url: z
        .string()
        .regex(/^https?:\/\/[^?#\s@]+$/, 'must be an http(s) URL without query')
        .optional()
        .describe('is asked by POST before each token is made; https, or http on loopback'),
      secret: secretReference
        .optional()
        .describe('reference to the secret that those requests are signed by, 32 bytes or more'),
      module: z
        .string()
        .min(1)
        .optional()
        .describe('file whose default export is asked instead, within the authority itself'),
      deadline_ms: z
        .number()
        .int()
        .min(10)
        .max(5_000)
        .default(500)
        .describe('an answer that is later does not count'),
      on_failure: z
        .enum(['refuse', 'without'])
        .default('refuse')
        .describe('whether a token whose hook failed is refused, or made without what it adds'),
    })
    .prefault({}),
  decisions: z
    .strictObject({
      kept_per_second: seconds(0, limits.explainedPerSecondMax)
        .default(limits.explainedPerSecond)
        .describe('decisions of policies that each node keeps to be explained, on average'),
      kept_at_once: seconds(0, limits.explainedBurstMax)
        .default(limits.explainedBurst)
        .describe('and how many after a quiet time; of what was allowed, half as many'),
      kept_days: seconds(1, 366)
        .default(limits.explainedKeptSeconds / 86_400)
        .describe('how long the authority keeps them; each takes about 1 KB'),
    })
    .prefault({})
    .describe('decisions that can be explained afterwards; what is not kept is counted'),
  sessions: z
    .strictObject({
      idle_seconds: seconds(60, 90 * 86_400)
        .default(2 * 3600)
        .describe('how long people stay signed in without doing anything'),
      absolute_seconds: seconds(60, 90 * 86_400)
        .default(86_400)
        .describe('how long people stay signed in before they prove again who they are'),
    })
    .prefault({}),
  branding: z
    .strictObject({
      name: z
        .string()
        .min(1)
        .max(100)
        .default('Mintmark')
        .describe('name on the pages where people sign in'),
      color: z
        .string()
        .regex(/^#[0-9a-fA-F]{6}$/, 'must be #rrggbb')
        .default('#1b5e9e')
        .describe('colour of buttons there; dark enough for white text'),
      logo_url: z
        .string()
        .regex(/^https:\/\/[A-Za-z0-9.:-]+\/[^\s"'<>]*$/, 'must be an https URL')
        .optional()
        .describe('picture beside the name'),
    })
    .prefault({}),
  mail: z
    .strictObject({
      url: z
        .string()
        .regex(
          /^(?:smtps?:\/\/[^/?#\s@]+|file:\S.*)$/,
          'must be smtps://HOST, smtp://HOST, file:DIR',
        )
        .optional()
        .describe(
          'smtps://HOST:PORT, smtp://HOST:PORT with STARTTLS, or file:DIR; default: no mail',
        ),
      from: z
        .string()
        .regex(/^[^\r\n]+@[^\r\n]+$/, 'must be an address')
        .default('mintmark@localhost')
        .describe('whom messages come from: an address, or NAME <ADDRESS>'),
      username: z.string().min(1).optional().describe('login at the mail server, if it wants one'),
      password: secretReference.optional().describe('reference to the password of that login'),
    })
    .prefault({})
    .describe('mail to users: without it nobody can ask for a new password'),
  alerts: z
    .strictObject({
      contact: z
        .string()
        .regex(/^[^\s@<>,;:"]+@[^\s@<>,;:"]+$/, 'must be an e-mail address')
        .optional()
        .describe('hears for owners of credentials who have no address that was verified'),
      webhook: z
        .string()
        .regex(/^https?:\/\/[^?#\s@]+$/, 'must be an http(s) URL without query')
        .optional()
        .describe('hears what owners are told, by signed POST; https, or http on loopback'),
      webhook_secret: secretReference
        .optional()
        .describe('reference to the secret that those requests are signed by, 32 bytes or more'),
    })
    .prefault({})
    .describe('what owners of credentials are told, beside mail to themselves'),
  geo: z
    .strictObject({
      database: z
        .string()
        .min(1)
        .optional()
        .describe(
          'file in MaxMind’s format (.mmdb) that says in which country an address is; read again ' +
            'when it changes; without it, keys that name countries are refused',
        ),
    })
    .prefault({}),
  rotation: z
    .strictObject({
      targets: z
        .record(z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/), deliveryTarget)
        .default({})
        .describe('where rotations may bring new secrets, by name: see docs/rotation.md'),
    })
    .prefault({})
    .describe('automatic rotation of keys and client secrets'),
  log: z
    .strictObject({
      level: z
        .enum(['trace', 'debug', 'info', 'warn', 'error', 'silent'])
        .default('info')
        .describe('how much is written to standard error'),
    })
    .prefault({}),
});

export type Config = z.output<typeof configSchema>;

/** The JSON Schema of the file, for editors; published as docs/mintmark.schema.json. */
export function configJsonSchema(): Readonly<Record<string, unknown>> {
  return { title: 'mintmark.yaml', ...z.toJSONSchema(configSchema, { io: 'input' }) };
}
