import { readCheckRequest } from '../../packages/gateway/src/proxies/envoy-check.ts';
import {
  bytesOf,
  messageField,
  numberField,
  textField,
} from '../../packages/gateway/src/proxies/protobuf/write.ts';
import { type Harness, invariant } from '../harness.ts';

const header = (name: string, value: string): string => textField(1, name) + textField(2, value);
const http = [
  textField(2, 'GET'),
  messageField(3, header(':path', '/a')),
  messageField(3, header('authorization', 'Bearer x')),
  ...[textField(4, '/a?b=c'), textField(5, 'api.test'), textField(6, 'https')],
  numberField(9, 10),
].join('');
const raw = messageField(13, messageField(1, textField(1, 'a') + textField(3, 'b')));
const source = messageField(1, messageField(1, messageField(1, textField(2, '192.0.2.1'))));

function checkOf(inner: string): Uint8Array {
  return bytesOf(messageField(1, source + messageField(4, messageField(2, inner))));
}

export const readCheckRequestHarness: Harness = {
  name: 'read-check-request',
  seeds: [
    ...[checkOf(http), checkOf(http + raw), checkOf(http + textField(8, 'f')), checkOf('')],
    ...['', '\x08\x96\x01', '\x0b\x0c', '\x0a\xff\xff\xff\xff\x0f'],
  ],
  dictionary: ['\x0a', '\x12', '\x1a', '\x22', '\x2a', '\x6a', '\x80', '\xff\xff\xff\xff\x0f'],
  run(input) {
    const check = readCheckRequest(input);
    if (!check.ok) return check.refusal;
    const { method, target, host, headers, certificate } = check.value;
    invariant(method !== '' && target !== '' && host !== '', 'a request that is none');
    invariant(headers.length % 2 === 0, 'a name without a value');
    invariant(
      headers.every((text, index) => index % 2 === 1 || !text.startsWith(':')),
      'a pseudo-header among the headers',
    );
    const chars = [...headers, method, target, host, certificate].join('').length;
    invariant(chars <= input.length + 2, 'more than was said');
    return `${headers.length === 0 ? 'no' : 'some'} headers, ${target.includes('#')}`;
  },
};
