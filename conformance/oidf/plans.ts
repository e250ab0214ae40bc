/**
 * What is asked of the suite: each plan with its variant and configuration, and the clients and the
 * person that these name, in the shapes of `mintmark apply`.
 */
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import type { ClientCertificate } from '../rig/certificate.ts';
import type { Json } from '../rig/exchange.ts';
import type { Approvals } from './approvals.ts';
import type { Person } from './browser.ts';

export interface PlanRun {
  /** Short, for the command line. */
  readonly name: string;
  readonly plan: string;
  readonly variant: Readonly<Record<string, string>>;
  /** Settings of the server that only this plan needs. */
  readonly env?: Readonly<Record<string, string>>;
  /** Whether clients are asked for certificates. */
  readonly mutualTls?: true;
  /** Whether the server's certificate must be of RSA. */
  readonly rsa?: true;
  configuration(under: Judged): Json;
}

/** Where the Mintmark of the run is reached. */
export interface Judged {
  readonly issuer: string;
  readonly gateway: string;
  /** Of `CN=` and the ids of the two clients that authenticate by them, in order. */
  readonly certificates: readonly [ClientCertificate, ClientCertificate];
  /** PEM text of who signed them. */
  readonly ca: string;
  /** Where a person's answers on another device are given. */
  readonly approvals: Pick<Approvals, 'url'>;
}

/** Names the addresses under which the suite plays the client. */
const alias = 'mintmark';

export const person: Omit<Person, 'decides'> = {
  username: 'carol',
  password: 'three lighthouses and a violin',
};

const staticClient = { client_registration: 'static_client' };
const discovered = { server_metadata: 'discovery' };
const codeOf = { response_type: 'code' };

const one = { id: 'conformance-one', secret: 'conformance-one-secret-of-forty-characters' };
const two = { id: 'conformance-two', secret: 'conformance-two-secret-of-forty-characters' };
/** Alone is told of logouts: in the other plans a logout token is a request that nobody expects. */
const told = { id: 'conformance-told', secret: 'conformance-told-secret-of-forty-characters' };
/** Its tokens leave the authorization endpoint itself, by form. */
const front = { id: 'conformance-front', secret: 'conformance-front-secret-of-forty-characters' };
const front2 = { id: 'conformance-front-two', secret: 'conformance-front-two-secret-of-forty' };
const post = { id: 'conformance-post', secret: 'conformance-post-secret-of-forty-characters' };

const fapiOne = withKey('conformance-fapi-one', 'PS256');
const fapiTwo = withKey('conformance-fapi-two', 'ES256');
const mtlsOne = withKey('conformance-mtls-one', 'PS256');
const mtlsTwo = withKey('conformance-mtls-two', 'ES256');
const signedOne = withKey('conformance-signed-one', 'PS256');
const signedTwo = withKey('conformance-signed-two', 'ES256');
const pingOne = withKey('conformance-ping-one', 'PS256');
const pingTwo = withKey('conformance-ping-two', 'ES256');
const pollOne = withKey('conformance-poll-one', 'PS256');
const pollTwo = withKey('conformance-poll-two', 'ES256');
const certifiedPollOne = withKey('conformance-certified-poll-one', 'PS256');
const certifiedPollTwo = withKey('conformance-certified-poll-two', 'ES256');
const keyBoundOne = withKey('conformance-key-bound-one', 'PS256');
const keyBoundTwo = withKey('conformance-key-bound-two', 'ES256');
const proofBoundOne = withKey('conformance-proof-bound-one', 'PS256');
const proofBoundTwo = withKey('conformance-proof-bound-two', 'ES256');

/** Those of the plans of mutual TLS: their certificates are made before their configuration. */
export const certificateNames = ['conformance-mtls-one', 'conformance-mtls-two'] as const;

interface Registered {
  readonly id: string;
  readonly secret: string;
}

const credentials = ({ id, secret }: Registered): Json => ({
  client_id: id,
  client_secret: secret,
});

const base = ({ issuer }: Judged): Json => ({
  alias,
  description: 'Mintmark',
  server: { discoveryUrl: `${issuer}/.well-known/openid-configuration` },
});

const withClients = (under: Judged): Json => ({
  ...base(under),
  client: credentials(one),
  client2: credentials(two),
  client_secret_post: credentials(post),
});

type Signing = ReturnType<typeof withKey>;

const withKeys =
  (scope: string, [first, second]: readonly [Signing, Signing] = [fapiOne, fapiTwo]) =>
  (under: Judged): Json => ({
    ...base(under),
    client: { ...first.secretSide, scope, dpop_signing_alg: 'ES256' },
    client2: { ...second.secretSide, scope, dpop_signing_alg: 'ES256' },
    resource: { resourceUrl: `${under.gateway}/accounts` },
  });

const withCertificates =
  (scope: string, clients: readonly [Signing, Signing] = [mtlsOne, mtlsTwo]) =>
  (under: Judged): Json => {
    const [mtls, mtls2] = under.certificates;
    return {
      ...withKeys(scope, clients)(under),
      mtls: { ...mtls, ca: under.ca },
      mtls2: { ...mtls2, ca: under.ca },
    };
  };

/** Client-initiated: whom it is about says the client, and the suite what they answer. */
const byBackchannel =
  (clients: readonly [Signing, Signing]) =>
  (under: Judged): Json => {
    const [first, second] = clients;
    const [mtls, mtls2] = under.certificates;
    const hinted = { hint_type: 'login_hint', hint_value: person.username };
    const scope = 'openid accounts';
    return {
      ...base(under),
      client: { ...first.secretSide, ...hinted, scope },
      // The class that the device says it has reached.
      client2: { ...second.secretSide, ...hinted, scope, acr_value: 'phr' },
      mtls: { ...mtls, ca: under.ca },
      mtls2: { ...mtls2, ca: under.ca },
      resource: { resourceUrl: `${under.gateway}/accounts` },
      automated_ciba_approval_url: under.approvals.url,
    };
  };

/** Clients that register themselves, without PKCE, as the plans of OpenID Connect have them. */
const openRegistration = {
  MINTMARK_REGISTRATION_MODE: 'open',
  MINTMARK_REGISTRATION_REQUIRE_PKCE: 'false',
};

const fapi2 = {
  client_auth_type: 'private_key_jwt',
  sender_constrain: 'dpop',
  authorization_request_type: 'simple',
  fapi_profile: 'plain_fapi',
};

const ciba = {
  client_auth_type: 'private_key_jwt',
  fapi_ciba_profile: 'plain_fapi',
  ...staticClient,
};

const fapi1Tls = {
  mutualTls: true,
  rsa: true,
  env: {
    MINTMARK_AUTHORITY_TLS_AES_GCM_ONLY: 'true',
    MINTMARK_GATEWAY_TLS_AES_GCM_ONLY: 'true',
  },
} as const;

const byCertificate = { client_auth_type: 'mtls', sender_constrain: 'mtls' };

export const plans: readonly PlanRun[] = [
  {
    name: 'config',
    plan: 'oidcc-config-certification-test-plan',
    variant: {},
    configuration: base,
  },
  {
    name: 'basic',
    plan: 'oidcc-basic-certification-test-plan',
    variant: { ...discovered, ...staticClient },
    configuration: withClients,
  },
  {
    name: 'formpost',
    plan: 'oidcc-formpost-basic-certification-test-plan',
    variant: { ...discovered, ...staticClient },
    configuration: withClients,
  },
  {
    name: 'formpost-implicit',
    plan: 'oidcc-formpost-implicit-certification-test-plan',
    variant: { ...discovered, ...staticClient },
    configuration: (under) => ({
      ...base(under),
      client: credentials(front),
      client2: credentials(front2),
    }),
  },
  {
    name: 'rp-logout',
    plan: 'oidcc-rp-initiated-logout-certification-test-plan',
    variant: { ...codeOf, ...staticClient },
    configuration: withClients,
  },
  {
    name: 'backchannel-logout',
    plan: 'oidcc-backchannel-rp-initiated-logout-certification-test-plan',
    variant: { ...codeOf, ...staticClient },
    configuration: (under) => ({ ...withClients(under), client: credentials(told) }),
  },
  {
    name: 'fapi2',
    plan: 'fapi2-security-profile-final-test-plan',
    variant: { ...fapi2, openid: 'openid_connect' },
    configuration: withKeys('openid accounts'),
  },
  {
    name: 'fapi2-oauth',
    plan: 'fapi2-security-profile-final-test-plan',
    variant: { ...fapi2, openid: 'plain_oauth' },
    configuration: withKeys('accounts'),
  },
  {
    name: 'fapi2-mtls',
    plan: 'fapi2-security-profile-final-test-plan',
    variant: { ...fapi2, ...byCertificate, openid: 'openid_connect' },
    mutualTls: true,
    configuration: withCertificates('openid accounts'),
  },
  {
    name: 'fapi2-key-mtls',
    plan: 'fapi2-security-profile-final-test-plan',
    variant: { ...fapi2, sender_constrain: 'mtls', openid: 'openid_connect' },
    mutualTls: true,
    configuration: withCertificates('openid accounts', [keyBoundOne, keyBoundTwo]),
  },
  {
    name: 'fapi2-mtls-dpop',
    plan: 'fapi2-security-profile-final-test-plan',
    variant: { ...fapi2, client_auth_type: 'mtls', openid: 'openid_connect' },
    mutualTls: true,
    configuration: withCertificates('openid accounts', [proofBoundOne, proofBoundTwo]),
  },
  {
    name: 'fapi2-message-signing',
    plan: 'fapi2-message-signing-final-test-plan',
    variant: {
      ...fapi2,
      openid: 'openid_connect',
      fapi_request_method: 'signed_non_repudiation',
      fapi_response_mode: 'jarm',
    },
    configuration: withKeys('openid accounts', [signedOne, signedTwo]),
  },
  {
    name: 'dynamic',
    plan: 'oidcc-dynamic-certification-test-plan',
    variant: codeOf,
    env: openRegistration,
    configuration: (under) => ({ ...base(under), client: { client_name: 'Conformance suite' } }),
  },
  {
    name: 'third-party-login',
    plan: 'oidcc-3rdparty-init-login-certification-test-plan',
    variant: codeOf,
    env: openRegistration,
    configuration: (under) => ({ ...base(under), client: { client_name: 'Conformance suite' } }),
  },
  {
    name: 'ciba-ping',
    plan: 'fapi-ciba-id1-test-plan',
    variant: { ...ciba, ciba_mode: 'ping' },
    ...fapi1Tls,
    configuration: byBackchannel([pingOne, pingTwo]),
  },
  {
    name: 'ciba-poll',
    plan: 'fapi-ciba-id1-test-plan',
    variant: { ...ciba, ciba_mode: 'poll' },
    ...fapi1Tls,
    configuration: byBackchannel([pollOne, pollTwo]),
  },
  {
    name: 'ciba-poll-mtls',
    plan: 'fapi-ciba-id1-test-plan',
    variant: { ...ciba, client_auth_type: 'mtls', ciba_mode: 'poll' },
    ...fapi1Tls,
    configuration: byBackchannel([certifiedPollOne, certifiedPollTwo]),
  },
];

/** Every claim of OpenID Connect Core §5.1, since the suite looks for each. */
const claims: Json = {
  name: 'Carol Ann Example',
  given_name: 'Carol',
  family_name: 'Example',
  middle_name: 'Ann',
  nickname: 'caz',
  preferred_username: 'carol',
  profile: 'https://people.example/carol',
  picture: 'https://people.example/carol.png',
  website: 'https://carol.example/',
  email: 'carol@example.com',
  email_verified: true,
  gender: 'female',
  birthdate: '1980-02-29',
  zoneinfo: 'Europe/Vienna',
  locale: 'de-AT',
  phone_number: '+43 1 555 0100',
  phone_number_verified: true,
  address: {
    formatted: 'Ring 1\n1010 Wien\nAustria',
    street_address: 'Ring 1',
    locality: 'Wien',
    region: 'Wien',
    postal_code: '1010',
    country: 'Austria',
  },
  updated_at: 1_790_000_000,
};

/** A client that signs: what the suite is told of it, and what the authority is. */
function withKey(
  id: string,
  alg: 'PS256' | 'ES256',
): { readonly secretSide: Json; readonly openSide: Json; readonly alg: string } {
  const { privateKey, publicKey } =
    alg === 'PS256'
      ? generateKeyPairSync('rsa', { modulusLength: 2048 })
      : generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const named = { kid: id, use: 'sig', alg };
  const side = (key: KeyObject): Json => ({
    client_id: id,
    jwks: { keys: [{ ...key.export({ format: 'jwk' }), ...named }] },
  });
  return { secretSide: side(privateKey), openSide: side(publicKey), alg };
}

/**
 * @param suite base URL of the suite, under which the clients' addresses are
 * @param options.upstream base URL of the server behind the gateway
 * @param options.mutualTls whether the server can verify certificates
 */
export function seed(
  suite: string,
  { upstream, mutualTls }: { readonly upstream: string; readonly mutualTls: boolean },
): Json {
  const at = `${suite}/test/a/${alias}`;
  const client = ({ id, secret }: Registered, method: string): Json => ({
    client_id: id,
    client_secret: secret,
    client_name: `Conformance suite (${id})`,
    token_endpoint_auth_method: method,
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    scope: 'openid profile email address phone offline_access',
    redirect_uris: [`${at}/callback`],
    post_logout_redirect_uris: [`${at}/post_logout_redirect`],
    ...(id === told.id ? { backchannel_logout_uri: `${at}/backchannel_logout` } : {}),
    // The plans of OpenID Connect run without PKCE, and once without nonce.
    require_pkce: false,
  });
  return {
    clients: [
      client(one, 'client_secret_basic'),
      client(two, 'client_secret_basic'),
      client(told, 'client_secret_basic'),
      client(post, 'client_secret_post'),
      ...[front, front2].map((one) => ({
        ...client(one, 'client_secret_basic'),
        grant_types: ['implicit'],
        response_types: ['id_token', 'id_token token'],
      })),
      ...fapiClients(at, mutualTls),
      ...askingClients(at, mutualTls),
    ],
    routes: [
      { name: 'accounts', match: { path_prefix: '/accounts' }, upstream, scopes: ['accounts'] },
    ],
    users: [{ ...person, claims }],
  };
}

/** Those of the other plans of FAPI. @param at where the suite plays the client */
function fapiClients(at: string, mutualTls: boolean): readonly Json[] {
  const fapiClient = ({ openSide }: Signing): Json => ({
    ...openSide,
    client_name: `Conformance suite (${openSide['client_id']})`,
    token_endpoint_auth_method: 'private_key_jwt',
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    scope: 'openid accounts offline_access',
    redirect_uris: [`${at}/callback`, `${at}/callback?dummy1=lorem&dummy2=ipsum`],
    security_profile: 'fapi2',
    dpop_bound_access_tokens: true,
    require_pushed_authorization_requests: true,
    id_token_signed_response_alg: 'ES256',
  });
  const certificateBound = {
    dpop_bound_access_tokens: false,
    tls_client_certificate_bound_access_tokens: true,
  };
  const shown = (place: number) => ({
    token_endpoint_auth_method: 'tls_client_auth',
    tls_client_auth_subject_dn: `CN=${certificateNames[place]}`,
  });
  const byCertificates = (one: Signing, place: number): Json => ({
    ...fapiClient(one),
    ...certificateBound,
    ...shown(place),
  });
  const signed = (one: Signing): Json => ({
    ...fapiClient(one),
    require_signed_request_object: true,
    authorization_signed_response_alg: 'PS256',
  });
  return [
    fapiClient(fapiOne),
    fapiClient(fapiTwo),
    signed(signedOne),
    signed(signedTwo),
    ...(mutualTls
      ? [
          ...[mtlsOne, mtlsTwo].map(byCertificates),
          ...[keyBoundOne, keyBoundTwo].map((one) => ({ ...fapiClient(one), ...certificateBound })),
          ...[proofBoundOne, proofBoundTwo].map((one, i) => ({ ...fapiClient(one), ...shown(i) })),
        ]
      : []),
  ];
}

/** Those of the plans of FAPI-CIBA. @param at where the suite plays the client */
function askingClients(at: string, mutualTls: boolean): readonly Json[] {
  const asking = ({ openSide, alg }: Signing, mode: Json): Json => ({
    ...openSide,
    ...mode,
    client_name: `Conformance suite (${openSide['client_id']})`,
    token_endpoint_auth_method: 'private_key_jwt',
    token_endpoint_auth_signing_alg: alg,
    // FAPI-CIBA is of a time when assertions named the endpoint that they were sent to.
    assertion_audience: 'issuer_or_endpoint',
    grant_types: ['urn:openid:params:grant-type:ciba', 'refresh_token'],
    response_types: [],
    scope: 'openid accounts offline_access',
    security_profile: 'fapi-ciba',
    backchannel_authentication_request_signing_alg: alg,
    tls_client_certificate_bound_access_tokens: true,
    id_token_signed_response_alg: alg,
  });
  const ping = {
    backchannel_token_delivery_mode: 'ping',
    backchannel_client_notification_endpoint: `${at}/ciba-notification-endpoint`,
  };
  const poll = { backchannel_token_delivery_mode: 'poll' };
  return [
    asking(pingOne, ping),
    asking(pingTwo, ping),
    asking(pollOne, poll),
    asking(pollTwo, poll),
    ...(mutualTls ? [certifiedPollOne, certifiedPollTwo] : []).map((one, i) => ({
      ...asking(one, poll),
      token_endpoint_auth_method: 'tls_client_auth',
      token_endpoint_auth_signing_alg: null,
      tls_client_auth_subject_dn: `CN=${certificateNames[i]}`,
    })),
  ];
}
