export { createGatewayAdmin } from './admin.ts';
export type { UpstreamOptions } from './forward/upstreams.ts';
export {
  createGateway,
  type Gateway,
  type GatewayConfig,
  type GatewayEvent,
  type GatewayPorts,
} from './gateway.ts';
export { createRemoteAuthority, type RemoteAuthority, type RemoteParts } from './view/remote.ts';
export { joinRemoteTenants } from './view/remote-tenants.ts';
