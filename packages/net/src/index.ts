export type { ListenerEvent } from './answer.ts';
export { type ForwardedView, resolveForwarded } from './forwarded.ts';
export {
  type FrameConnection,
  type FrameProtocol,
  listenFrames,
} from './frames.ts';
export {
  type GrpcMethod,
  type GrpcOptions,
  type GrpcRefusal,
  grpcCodes,
  listenGrpc,
} from './grpc.ts';
export {
  createGuardedClient,
  type GuardedClient,
  type GuardedClientOptions,
  type OutboundRefusal,
  type OutboundRequest,
  type OutboundResponse,
} from './guarded-client.ts';
export { type HeadRefusalReason, type VettedHead, vetHead } from './head.ts';
export { http2Fields } from './http2/fields.ts';
export {
  type Listener,
  type ListenerFace,
  type ListenerLimits,
  type ListenOptions,
  listen,
} from './listener.ts';
export { type CertificateHeader, certificateOfHeader } from './peer-certificate.ts';
export type { StreamHandler, StreamReply, StreamRequest } from './stream.ts';
export { terseResponse } from './terse.ts';
export type { TlsOptions } from './tls.ts';
