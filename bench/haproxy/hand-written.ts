/**
 * Configurations as people write them by the manual of HAProxy, for the same work: none of it, the
 * signature checked each time, and all that the generated one does.
 */
import type { HaproxySettings } from '@mintmark/gateway';
import { issuer } from './world.ts';

export interface HandWritten {
  readonly port: number;
  readonly upstreamPort: number;
  readonly folder: string;
  readonly pemFile: string;
  /** Maps of revocations, as the generated one has them. */
  readonly map: (kind: string) => string;
  readonly settings: HaproxySettings;
}

function head(more: readonly string[] = []): string {
  return [
    'global',
    '  nbthread 1',
    ...more.map((line) => `  ${line}`),
    'defaults',
    '  mode http',
    '  timeout connect 5s',
    '  timeout client 60s',
    '  timeout server 60s',
    '  http-reuse always',
    '',
  ].join('\n');
}

/** Passes everything on. */
export function openConfig({ port, upstreamPort }: HandWritten): string {
  return `${head()}
frontend main
  bind 127.0.0.1:${port}
  default_backend api
backend api
  server upstream 127.0.0.1:${upstreamPort}
`;
}

/** The example of the manual: nothing is remembered, revoked or limited. */
export function verifyingConfig({ port, upstreamPort, pemFile }: HandWritten): string {
  return `${head()}
frontend main
  bind 127.0.0.1:${port}
  http-request set-var(txn.bearer) http_auth_bearer
  http-request set-var(txn.alg) var(txn.bearer),jwt_header_query('$.alg')
  http-request deny deny_status 401 unless { var(txn.alg) -m str ES256 }
  http-request deny deny_status 401 unless { var(txn.bearer),jwt_header_query('$.typ') -m str at+jwt }
  http-request deny deny_status 401 unless { var(txn.bearer),jwt_verify(ES256,${pemFile}) 1 }
  http-request deny deny_status 401 unless { var(txn.bearer),jwt_payload_query('$.iss') -m str ${issuer} }
  http-request deny deny_status 401 unless { var(txn.bearer),jwt_payload_query('$.aud') -m str ${issuer} }
  http-request set-var(txn.exp) var(txn.bearer),jwt_payload_query('$.exp','int')
  http-request set-var(txn.now) date
  http-request deny deny_status 401 unless { var(txn.exp),sub(txn.now) -m int gt 0 }
  http-request deny deny_status 403 unless { var(txn.bearer),jwt_payload_query('$.scope') -m reg '(^| )read( |$)' }
  default_backend api
backend api
  server upstream 127.0.0.1:${upstreamPort}
`;
}

/** The same features as the generated one, with the means of the manual. */
export function wholeConfig(input: HandWritten): string {
  const { port, upstreamPort, pemFile, map } = input;
  const query = (name: string, type = ''): string =>
    `var(txn.claims),json_query('$.${name}'${type})`;
  const revoked = [
    ['token', 'jti'],
    ['family', 'family'],
    ['client', 'client'],
    ['user', 'sub'],
    ['holder', 'holder'],
    ['key', 'kid'],
  ].map(
    ([kind, name]) =>
      `  http-request deny deny_status 401 if { var(txn.${name}),map_str_int(${map(kind!)},0),sub(txn.pos) -m int gt 0 }`,
  );
  return `${head(['tune.pattern.cache-size 0'])}
backend seen
  stick-table type string len 64 size 100k expire 1h
backend calls
  stick-table type string len 128 size 100k expire 10s store http_req_rate(1s)
frontend main
  bind 127.0.0.1:${port}
  http-request deny deny_status 400 unless { path -m reg ^(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*/?$ }
  http-request deny deny_status 401 if { req.fhdr(x-api-key) -m found } || { req.fhdr(dpop) -m found }
  http-request set-var(txn.bearer) http_auth_bearer
  http-request set-var(txn.digest) var(txn.bearer),sha2(256),hex
  http-request set-var(txn.alg) var(txn.bearer),jwt_header_query('$.alg')
  http-request set-var(txn.kid) var(txn.bearer),jwt_header_query('$.kid')
  http-request deny deny_status 401 unless { var(txn.alg) -m str ES256 }
  http-request deny deny_status 401 unless { var(txn.bearer),jwt_header_query('$.typ') -m str at+jwt }
  acl seen var(txn.digest),in_table(seen) -m bool
  http-request deny deny_status 401 unless seen || { var(txn.bearer),jwt_verify(ES256,${pemFile}) 1 }
  http-request track-sc0 var(txn.digest) table seen unless seen
  http-request set-var(txn.claims) var(txn.bearer),field(2,.),ub64dec
  http-request deny deny_status 401 unless { ${query('iss')} -m str ${issuer} }
  http-request deny deny_status 401 unless { ${query('aud')} -m str ${issuer} }
  http-request deny deny_status 401 unless { ${query('mm_tenant')} -m str default }
  http-request deny deny_status 401 if { ${query('cnf.jkt')} -m found }
  http-request set-var(txn.exp) ${query('exp', ",'int'")}
  http-request set-var(txn.iat) ${query('iat', ",'int'")}
  http-request set-var(txn.now) date
  http-request deny deny_status 401 unless { var(txn.exp),sub(txn.now) -m int gt 0 }
  http-request deny deny_status 401 unless { var(txn.iat),sub(txn.now) -m int le 60 }
  http-request set-var(txn.scope) ${query('scope')}
  http-request deny deny_status 403 unless { var(txn.scope) -m reg '(^| )read( |$)' }
  http-request set-var(txn.pos) ${query('mm_pos', ",'int'")}
  http-request set-var(txn.jti) ${query('jti')}
  http-request set-var(txn.family) ${query('mm_family')}
  http-request set-var(txn.client) ${query('client_id')}
  http-request set-var(txn.sub) ${query('sub')}
  http-request set-var(txn.holder) var(txn.client),concat(%,txn.sub)
${revoked.join('\n')}
  http-request track-sc1 var(txn.client) table calls
  http-request deny deny_status 429 if { sc1_http_req_rate gt 1000000 }
  http-request del-header ^(?:authorization|x[^a-z0-9]mintmark[^a-z0-9].*|x[^a-z0-9]forwarded[^a-z0-9].*|forwarded)$ -m reg
  http-request set-header x-forwarded-for %[src]
  http-request set-header x-forwarded-proto http
  http-request set-header x-forwarded-host %[req.hdr(host)]
  http-request set-header forwarded 'for=%[src];host="%[req.hdr(host)]";proto=http'
  http-request set-header x-mintmark-subject %[var(txn.sub)]
  http-request set-header x-mintmark-scopes %[var(txn.scope)]
  http-request set-header x-mintmark-credential-id %[var(txn.jti)]
  http-request set-header x-mintmark-credential-kind jwt
  http-request set-header x-mintmark-tenant default
  http-request set-header x-mintmark-client %[var(txn.client)]
  http-response add-header vary 'Authorization, X-Api-Key'
  default_backend api
backend api
  server upstream 127.0.0.1:${upstreamPort}
`;
}
