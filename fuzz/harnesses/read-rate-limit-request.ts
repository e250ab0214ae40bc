import { readRateLimitRequest } from '../../packages/gateway/src/proxies/envoy-rate-limit.ts';
import {
  bytesOf,
  messageField,
  numberField,
  textField,
} from '../../packages/gateway/src/proxies/protobuf/write.ts';
import { type Harness, invariant } from '../harness.ts';

const entry = messageField(1, textField(1, 'route') + textField(2, 'orders'));
const address = messageField(1, textField(1, 'remote_address') + textField(2, '192.0.2.1'));

function requestOf(inner: string): Uint8Array {
  return bytesOf(textField(1, 'mintmark') + inner);
}

export const readRateLimitRequestHarness: Harness = {
  name: 'read-rate-limit-request',
  seeds: [
    requestOf(messageField(2, entry + address) + numberField(3, 2)),
    requestOf(messageField(2, entry + messageField(3, numberField(1, 5)))),
    requestOf(messageField(2, entry) + messageField(2, address + messageField(2, ''))),
    ...[requestOf(''), '', '\x0b\x0c', '\x12\x04\x0a\x02\x0a\xff'],
  ],
  dictionary: ['\x0a', '\x12', '\x18', '\x1a', '__proto__', '\xff\xff\xff\xff\x0f', '\xc3\x28'],
  run(input) {
    const request = readRateLimitRequest(input);
    if (!request.ok) return request.refusal;
    for (const { entries, hits } of request.value) {
      invariant(Number.isSafeInteger(hits) && hits >= 0, 'a number of hits that is none');
      invariant(Object.getPrototypeOf(entries) === null, 'entries with a prototype');
    }
    const some = request.value.some(({ entries }) => Object.keys(entries).length > 0);
    return `${request.value.length > 1 ? 'several' : 'one'}, ${some ? 'some' : 'no'} entries`;
  },
};
