/** The schema as it was first released. Never edited again: see `migrations.ts`. */
export const gatewayKeysPostgres: readonly string[] = [
  `CREATE TABLE "gateway_keys" (
    "tenant" text COLLATE "C" NOT NULL,
    "kid" text COLLATE "C" NOT NULL,
    "node" text COLLATE "C" NOT NULL,
    "jwk" text COLLATE "C" NOT NULL,
    "expires_at_seconds" bigint NOT NULL,
    PRIMARY KEY ("tenant", "kid")
  )`,
  `CREATE INDEX "gateway_keys_by_expires_at_seconds" ON "gateway_keys" (
    "expires_at_seconds"
  )`,
];
