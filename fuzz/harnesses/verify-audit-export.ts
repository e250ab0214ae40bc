import {
  AuditFileFault,
  createExportVerifier,
} from '../../packages/authority/src/audit/verify-export.ts';
import { type Harness, invariant, utf8Text } from '../harness.ts';

const zeros = 'A'.repeat(43);
const leaf =
  '{"action":"key.create","actor":{"id":"a","kind":"user"},"id":"x",' +
  '"object":{"id":"k","kind":"key"},"personal_commitment":"AAAA","result":"done",' +
  '"tenant":"default","time":"2026-01-01T00:00:00.000Z","v":1}';

export const verifyAuditExportHarness: Harness = {
  name: 'verify-audit-export',
  seeds: [
    header(0),
    `${header(1)}\n{"index":0,"chain":"${zeros}","leaf":${leaf}}`,
    `${header(1)}\n{"index":0,"chain":"${zeros}","leaf":${leaf},` +
      `"personal":{"salt":"${zeros}","value":{"address":"192.0.2.1"}}}`,
    `${header(2)}\n{"index":7,"chain":"","leaf":{}}\n{"index":7,"chain":"AA","leaf":{"v":1}}`,
  ],
  dictionary: [
    ...[
      '"index":',
      '"chain":',
      '"leaf":',
      '"personal":',
      '"salt":',
      '"value":',
      '"start":',
      '"head":',
    ],
    ...['"size":', '"v":1', '"mintmark-audit-1"', '\n', '{', '}', 'null', '-1', '1e99', '\\ud800'],
  ],
  run(input) {
    const verifier = createExportVerifier();
    try {
      for (const line of utf8Text(input).split('\n')) verifier.line(line);
      const report = verifier.finish();
      invariant(report.ok === (report.problemsTotal === 0), 'a verdict against its own problems');
      const kinds = new Set(report.problems.map(({ problem }) => problem));
      return report.ok ? 'ok' : [...kinds].sort().join(' ');
    } catch (fault) {
      if (fault instanceof AuditFileFault) return fault.code;
      throw fault;
    }
  },
};

function header(size: number): string {
  const head = (of: number): string => `{"size":${of},"chain":"${zeros}"}`;
  return `{"format":"mintmark-audit-1","start":${head(0)},"head":${head(size)}}`;
}
