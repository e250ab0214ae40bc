/**
 * The part of Envoy's configuration that stays: one listener, whose filters and routes are files
 * that Envoy watches. The order of the filters is the argument: first the verdict of nobody is
 * taken away, then the claims of a verified token are put beside the request, then the judge looks
 * at them. What the judge does not let pass, and what it fails at, goes to the gateway, because
 * that is where every request goes that carries no verdict.
 */
import { limitReply, noLimits } from './limits.ts';
import {
  adminSocket,
  type Endpoint,
  type EnvoySettings,
  type PartName,
  partFile,
  verdictHeader,
} from './settings.ts';

const api = 'type.googleapis.com/envoy.extensions';
const http = `${api}.filters.http`;
const network = `${api}.filters.network`;

/** @returns JSON, which Envoy reads by the name of its file */
export function envoyBootstrap(settings: EnvoySettings): object {
  return {
    node: { id: 'mintmark', cluster: 'mintmark' },
    admin: { address: { pipe: { path: adminSocket(settings), mode: 0o600 } } },
    dynamic_resources: { cds_config: watched(settings, 'clusters') },
    static_resources: { listeners: [listener(settings)] },
  };
}

function watched(settings: Pick<EnvoySettings, 'folder'>, name: PartName): object {
  const path = { path: partFile(settings, name), watched_directory: { path: settings.folder } };
  return { path_config_source: path, resource_api_version: 'V3' };
}

export function socketAddress({ host, port }: Endpoint): object {
  return { socket_address: { address: host, port_value: port } };
}

function listener(settings: EnvoySettings): object {
  const { tls } = settings;
  const chain = {
    filters: [
      {
        name: 'envoy.filters.network.http_connection_manager',
        typed_config: connectionManager(settings),
      },
    ],
  };
  const files = tls && {
    certificate_chain: { filename: tls.certificate },
    private_key: { filename: tls.key },
  };
  const context = files && {
    '@type': `${api}.transport_sockets.tls.v3.DownstreamTlsContext`,
    common_tls_context: { alpn_protocols: ['h2', 'http/1.1'], tls_certificates: [files] },
  };
  const socket = context && {
    transport_socket: { name: 'envoy.transport_sockets.tls', typed_config: context },
  };
  return {
    name: 'mintmark',
    address: socketAddress(settings.listen),
    per_connection_buffer_limit_bytes: 32_768,
    filter_chains: [{ ...chain, ...socket }],
  };
}

function connectionManager(settings: EnvoySettings): object {
  return {
    '@type': `${network}.http_connection_manager.v3.HttpConnectionManager`,
    stat_prefix: 'mintmark',
    // Bounds of a listener that anybody reaches.
    common_http_protocol_options: {
      headers_with_underscores_action: 'REJECT_REQUEST',
      idle_timeout: '300s',
      max_headers_count: 100,
    },
    http_protocol_options: { accept_http_10: false },
    http2_protocol_options: {
      max_concurrent_streams: 100,
      initial_stream_window_size: 65_536,
      initial_connection_window_size: 1_048_576,
    },
    max_request_headers_kb: 16,
    request_headers_timeout: '10s',
    stream_idle_timeout: '300s',
    use_remote_address: true,
    xff_num_trusted_hops: 0,
    normalize_path: true,
    merge_slashes: true,
    path_with_escaped_slashes_action: 'REJECT_REQUEST',
    server_header_transformation: 'PASS_THROUGH',
    generate_request_id: false,
    via: 'mintmark',
    upgrade_configs: [{ upgrade_type: 'websocket' }],
    local_reply_config: limitReply,
    early_header_mutation_extensions: [
      {
        name: 'envoy.http.early_header_mutation.header_mutation',
        typed_config: {
          '@type': `${api}.http.early_header_mutation.header_mutation.v3.HeaderMutation`,
          mutations: [{ remove: verdictHeader }],
        },
      },
    ],
    rds: { route_config_name: 'mintmark', config_source: watched(settings, 'routes') },
    http_filters: [
      extension(settings, 'tokens', `${http}.jwt_authn.v3.JwtAuthentication`),
      extension(settings, 'news', `${http}.set_metadata.v3.Config`),
      extension(settings, 'judge', `${http}.lua.v3.Lua`),
      noLimits,
      {
        name: 'envoy.filters.http.router',
        typed_config: { '@type': `${http}.router.v3.Router`, suppress_envoy_headers: true },
      },
    ],
  };
}

/** A filter that comes from a file. Until it is there, requests wait for the listener. */
function extension(settings: EnvoySettings, name: PartName, type: string): object {
  return { name, config_discovery: { config_source: watched(settings, name), type_urls: [type] } };
}

/** One filter, as a file holds it. */
export function extensionConfig(name: PartName, type: string, config: object): object {
  return {
    '@type': 'type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig',
    name,
    typed_config: { '@type': `${http}.${type}`, ...config },
  };
}
