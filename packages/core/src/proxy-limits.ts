/** Bounds of the gateway's own proxy: connections of clients by HTTP/2, and those to upstreams. */
export const proxyLimits = {
  /** Open connections of one address: an office behind one has thousands, and not all there are. */
  connectionsPerAddressMax: 2_500,
  /** Requests at once on one connection of HTTP/2 (no fewer: RFC 9113 §6.5.2), and on all. */
  http2StreamsPerConnectionMax: 100,
  http2StreamsMax: 10_000,
  /** What a client may send ahead on one stream, as RFC 9113 §6.9.2 has it. */
  http2WindowBytes: 65_535,
  /** Of one connection: tables of fields, queues of frames. */
  http2SessionMemoryMb: 8,
  http2InvalidFramesMax: 100,
  /** Entries of one SETTINGS frame. */
  http2SettingsMax: 32,
  /** Over how long the next two count. */
  http2WindowMs: 10_000,
  /** Requests given up before their answer: browsers leave a page of a hundred, deadlines pass. */
  http2ResetsMax: 400,
  /** Pings and settings: gRPC measures its links by pings, some tens a second. */
  http2ControlsMax: 1_000,
  upstreamConnectTimeoutMs: 5_000,
  /** Until an upstream begins to answer; slower work should be asked about, not waited for. */
  upstreamHeadersTimeoutMs: 60_000,
  /** A pause within an upstream's answer; event streams send something more often than this. */
  upstreamBodyIdleMs: 300_000,
  /** Connections to one upstream, and requests that wait for one of them. */
  upstreamConnectionsMax: 1_024,
  upstreamQueueMax: 4_096,
  /** Shorter than the idle time of common servers (5 s), so that a reused connection is alive. */
  upstreamKeepAliveMs: 4_000,
  /** Requests at once on one connection of HTTP/2 to an upstream, and such connections. */
  upstreamStreamsMax: 100,
  upstreamHttp2ConnectionsMax: 16,
  /** What an upstream may send ahead on one stream: as much as a socket's buffer holds. */
  upstreamHttp2WindowBytes: 256 * 1024,
  upstreamHttp2IdleMs: 60_000,
  /** How soon an idle connection is asked whether its other end is there. */
  upstreamKeepAliveProbeMs: 15_000,
  /** Servers of one upstream: each is asked how it is by every gateway. */
  upstreamServersMax: 64,
  /** A body that is held to be sent again. */
  upstreamReplayBytesMax: 64 * 1024,
  /** Of a hundred requests so many may be tries beyond the first, with some to begin with. */
  retryPercent: 20,
  retriesFree: 10,
  /** A circuit stays open at most so many times as long as it does at first. */
  circuitBackoffMax: 16,
} as const;
