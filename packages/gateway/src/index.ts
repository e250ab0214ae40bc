export { createGatewayAdmin } from './admin.ts';
export type { UpstreamTls } from './forward/upstream-server.ts';
export type { UpstreamOptions } from './forward/upstreams.ts';
export {
  createGateway,
  type Gateway,
  type GatewayConfig,
  type GatewayEvent,
  type GatewayPorts,
} from './gateway.ts';
export {
  type LimitStores,
  type LimitStoresInput,
  openLimitStores,
} from './limits/stores.ts';
export { type EnvoyConfig, type EnvoyPart, envoyConfig, envoyNews } from './native/envoy/config.ts';
export { type EnvoySettings, envoyFiles, type PartName } from './native/envoy/settings.ts';
export { type HaproxyConfig, haproxyConfig, haproxyMaps } from './native/haproxy/config.ts';
export { haproxyRuntime } from './native/haproxy/runtime.ts';
export {
  type HaproxySettings,
  leaseMs as haproxyLeaseMs,
  type MapName,
} from './native/haproxy/settings.ts';
export {
  followNatively,
  type NativeFollower,
  type NativeState,
  type NativeTarget,
} from './native/native-follower.ts';
export { type NativeChange, NativeMirror } from './native/native-view.ts';
export { createGrpcJudge } from './proxies/grpc-judge.ts';
export { createHttpJudge, type HttpJudge, type JudgeOptions } from './proxies/http-judge.ts';
export { createSpopAgent } from './proxies/spop-agent.ts';
export { FeedKeeper, type KeptEvent } from './view/kept-feed.ts';
export { createRemoteAuthority, type RemoteAuthority } from './view/remote.ts';
export { joinRemoteTenants } from './view/remote-tenants.ts';
