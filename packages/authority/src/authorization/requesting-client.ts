/** What the authorization endpoint reads of a client. */
import type { Client } from '../clients/client.ts';

export type RequestingClient = Pick<
  Client,
  | 'tenant'
  | 'clientId'
  | 'version'
  | 'status'
  | 'name'
  | 'applicationType'
  | 'source'
  | 'grantTypes'
  | 'authMethod'
  | 'scopes'
  | 'audiences'
  | 'redirectUris'
  | 'subjectType'
  | 'sectorIdentifierUri'
  | 'requirePkce'
  | 'requirePushedAuthorizationRequests'
  | 'securityProfile'
  | 'consent'
  | 'defaultAcrValues'
  | 'defaultMaxAgeSeconds'
  | 'jwks'
  | 'jwksUri'
  | 'requestObjectAlgorithm'
  | 'requireSignedRequestObject'
  | 'authorizationResponseAlgorithm'
  | 'backchannelLogoutUri'
  | 'refreshTokenTtlSeconds'
>;
