/** What the authority keeps of gateways beside what they acknowledged. */
import { integer, json, table, text } from './table.ts';

export const gatewayTables = {
  /** Public keys by which gateways sign for upstreams; published while their node asks again. */
  gatewayKeys: table({
    columns: {
      tenant: text,
      /** The key's thumbprint. */
      kid: text,
      /** As in `nodes`: the node by its credential. */
      node: text,
      jwk: json<Readonly<Record<string, unknown>>>(),
      expiresAtSeconds: integer,
    },
    key: ['tenant', 'kid'],
    indexes: [['expiresAtSeconds']],
  }),
} as const;
