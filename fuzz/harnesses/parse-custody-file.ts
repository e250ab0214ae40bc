import { CustodyFault } from '@mintmark/core';
import { parseRootFile, renderRootFile } from '../../packages/authority/src/custody/root-file.ts';
import { type Harness, invariant } from '../harness.ts';

const key = '{"id":"root_1","created_at":1,"sealed":"AAAA"}';
const rest = `"check":"AAAA","current":"root_1","keys":[${key}],"mac":${key},"seal":"AAAA"}`;

export const parseCustodyFileHarness: Harness = {
  name: 'parse-custody-file',
  seeds: [
    `{"format":"mintmark-custody-1","unlock":{"by":"key_file"},${rest}`,
    '{"format":"mintmark-custody-1","unlock":{"by":"passphrase","kdf":"argon2id",' +
      `"memory_kib":65536,"passes":3,"lanes":1,"salt":"AAAA"},${rest}`,
  ],
  dictionary: ['"by":', '"keys":[', '65535', '1e9', 'null', '__proto__', ',', key, '"A"', '"AB"'],
  run(input) {
    try {
      const { file } = parseRootFile(input, 'custody.json');
      const written = renderRootFile(file, new Uint8Array(32));
      const again = parseRootFile(written, 'custody.json').file;
      invariant(JSON.stringify(again) === JSON.stringify(file), 'reads back as another file');
      const { unlock } = file;
      if (unlock.by === 'passphrase') {
        invariant(unlock.memoryKib >= 65_536 && unlock.passes >= 3, 'stretching was weakened');
      }
      return `${unlock.by} ${Math.min(2, file.keys.length)}`;
    } catch (fault) {
      if (fault instanceof CustodyFault) return fault.code;
      throw fault;
    }
  },
};
