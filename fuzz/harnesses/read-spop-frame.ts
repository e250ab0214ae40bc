import {
  readSpopFrame,
  spopFrame,
  spopText,
  spopValue,
} from '../../packages/gateway/src/proxies/spop.ts';
import { type Harness, invariant } from '../harness.ts';

const none = { streamId: 0, frameId: 0 };
const hello = ['supported-versions', 'max-frame-size'].map((name) => spopText(name) + spopValue(1));
const judge = `${spopText('judge')}\x01${spopText('method')}${spopValue('GET')}`;

export const readSpopFrameHarness: Harness = {
  name: 'read-spop-frame',
  seeds: [
    spopFrame(1, none, hello.join('')),
    spopFrame(3, { streamId: 300, frameId: 2_288 }, judge),
    spopFrame(3, none, `${judge}\x06\xc0\x00\x02\x01\x07${'\0'.repeat(16)}`),
    ...['', '\x01', '\x03\0\0\0\x01\xf0\x80\x80\x80\x80\x80\x80\x80\x80\x01', '\x03\0\0\0\0\0\0'],
  ],
  dictionary: ['\x01', '\x03', '\x08', '\x09', '\xf0', '\xff', '\xff\xff\xff\xff\xff\xff\xff\x7f'],
  run(input) {
    const frame = readSpopFrame(Buffer.from(input));
    if (frame === undefined) return 'no frame';
    const { payload, streamId, frameId } = frame;
    invariant(Number.isSafeInteger(streamId) && Number.isSafeInteger(frameId), 'no number');
    let count = 0;
    let chars = 0;
    while (!payload.atEnd) {
      chars += payload.text().length;
      payload.value();
      count++;
    }
    invariant(count <= input.length && chars <= input.length, 'more than was said');
    return `${frame.isWhole ? 'whole' : 'part'}, ${payload.failed ? 'failed' : 'read'}`;
  },
};
