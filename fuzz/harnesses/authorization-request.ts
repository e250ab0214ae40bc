import { type ClientId, defaultTenant } from '@mintmark/core';
import {
  parseAuthorizationRequest,
  prompts,
} from '../../packages/authority/src/authorization/authorization-request.ts';
import { findResponseTarget } from '../../packages/authority/src/authorization/response-target.ts';
import { clientRules } from '../../packages/authority/src/clients/client-rules.ts';
import { parseParameters } from '../../packages/authority/src/http/form.ts';
import { type Harness, invariant, latin1 } from '../harness.ts';

const registered = ['https://app.example/cb', 'http://127.0.0.1/cb'];

const client = {
  ...clientRules.parse({
    name: 'App',
    owner: 'team',
    grantTypes: ['authorization_code'],
    authMethod: 'none',
    scopes: ['openid', 'read'],
    audiences: ['https://api.example'],
    resources: [],
    redirectUris: registered,
    accessTokenFormat: 'jwt',
    accessTokenTtlSeconds: 600,
    accessTokenAlgorithm: 'ES256',
    metadata: {},
  }),
  tenant: defaultTenant,
  clientId: 'app' as ClientId,
  status: 'active',
  createdAt: 0,
  updatedAt: 0,
  version: 1,
} as const;

const challenge = 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM';
const rest = `response_type=code&code_challenge=${challenge}&code_challenge_method=S256`;
const uri = 'redirect_uri=https%3A%2F%2Fapp.example%2Fcb';

/** Whatever a browser brings: nobody is sent anywhere but to what the client registered. */
export const authorizationRequestHarness: Harness = {
  name: 'authorization-request',
  seeds: [
    `client_id=app&${uri}&${rest}&scope=openid+read&state=x&nonce=y&prompt=login&max_age=1`,
    `client_id=app&redirect_uri=http://127.0.0.1:99/cb&${rest}&response_mode=form_post.jwt`,
    `client_id=app&${uri}&${rest}&claims=%7B%22id_token%22%3A%7B%22acr%22%3Anull%7D%7D`,
  ],
  dictionary: [
    '&',
    '=',
    '%',
    '+',
    'scope=',
    'redirect_uri=',
    'resource=',
    'claims=',
    '%00',
    'none',
  ],
  run(input) {
    const parameters = parseParameters(latin1(input), new Set(['resource']));
    if (!parameters.ok) return parameters.refusal.reason;
    const target = findResponseTarget(parameters.value, client);
    if (!target.ok) return target.refusal.reason;
    const { redirectUri, state } = target.value;
    const portless = redirectUri.replace(/^(http:\/\/127\.0\.0\.1):\d{1,5}(?=\/)/, '$1');
    invariant(registered.includes(portless), 'leads where the client did not register');
    invariant(state === null || state === parameters.value.get('state'), 'another state');
    const issuer = 'https://issuer.example';
    const found = { client, target: target.value, issuer };
    const request = parseAuthorizationRequest(parameters.value, found);
    if (!request.ok) return request.refusal.reason;
    const { scopes, audience, codeChallenge, prompt } = request.value;
    invariant(
      scopes.every((scope) => client.scopes.includes(scope)),
      'a scope was widened',
    );
    invariant(audience.join() === 'https://api.example', 'another audience');
    invariant(/^[\w-]{43}$/.test(codeChallenge ?? ''), 'a public client without PKCE');
    invariant(
      prompt.every((one) => prompts.includes(one)),
      'an unknown prompt',
    );
    return `${target.value.responseMode} ${prompt.join()} ${request.value.claims === null}`;
  },
};
