export { createGatewayAdmin } from './admin.ts';
export {
  createGateway,
  type Gateway,
  type GatewayConfig,
  type GatewayEvent,
  type GatewayPorts,
} from './gateway.ts';
export { createRemoteAuthority, type RemoteAuthority, type RemoteParts } from './remote.ts';
export { joinRemoteTenants } from './remote-tenants.ts';
export type { UpstreamOptions } from './upstreams.ts';
