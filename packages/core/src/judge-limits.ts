/** Bounds of the judge that other proxies ask by gRPC. Part of `limits`. */
export const judgeLimits = {
  /** A proxy's own bound on header blocks is 60 KiB by default (Envoy); with room for the rest. */
  grpcMessageBytesMax: 128 * 1024,
  /** Calls under way on one connection; a proxy opens another where it has more. */
  grpcStreamsMax: 1_000,
  /** Calls under way on all connections: each holds one message. */
  grpcCallsMax: 4_000,
  /** What was not judged in this time, or not asked whole, is answered as a failure. */
  grpcAnswerMs: 10_000,
  /** A connection on which nothing happens; Envoy pings and reconnects. */
  grpcIdleMs: 600_000,
  /** Connections of proxies: one for each worker thread of a few hundred of them. */
  grpcConnectionsMax: 1_000,
  /** A frame of HAProxy's: what its buffers hold by default, or twice that. */
  frameBytesMax: 32 * 1024,
  /** Connections of proxies that ask by frames: HAProxy opens some for each of its threads. */
  frameConnectionsMax: 1_000,
  /** Questions of one connection that wait for their answer; HAProxy sends 20 by default. */
  framesUnderWayMax: 1_000,
  /** Answers that a peer does not read. */
  frameUnreadBytesMax: 1024 * 1024,
  /** A connection on which nothing happens; HAProxy closes its own after two minutes. */
  frameIdleMs: 300_000,
  /** Further fields of a message are skipped, but not without end. */
  protobufFieldsMax: 4_096,
} as const;
