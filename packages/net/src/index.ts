export {
  createGuardedClient,
  type GuardedClient,
  type GuardedClientOptions,
  type OutboundRefusal,
  type OutboundRequest,
  type OutboundResponse,
} from './guarded-client.ts';
export type { HeadRefusalReason } from './head.ts';
export {
  type Listener,
  type ListenerFace,
  type ListenerLimits,
  type ListenOptions,
  listen,
} from './listener.ts';
export type { CertificateHeader } from './peer-certificate.ts';
export type { ListenerEvent } from './serve.ts';
export type { StreamHandler, StreamReply, StreamRequest } from './stream.ts';
export type { TlsOptions } from './tls.ts';
