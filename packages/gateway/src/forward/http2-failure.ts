/** Why a request by HTTP/2 failed, in the codes by which failures of HTTP/1.1 are judged too. */
import { type ClientHttp2Stream, constants } from 'node:http2';

export function failure(code: string, message: string): Error {
  return Object.assign(new Error(message), { code });
}

/** What the upstream said of a stream that it ended early. */
export function failureOfStream({ rstCode }: ClientHttp2Stream): Error {
  if (rstCode === constants.NGHTTP2_REFUSED_STREAM) {
    return failure('upstream_refused', 'the upstream had not begun with it');
  }
  return failure('UND_ERR_SOCKET', `the upstream ended the stream with ${rstCode}`);
}
