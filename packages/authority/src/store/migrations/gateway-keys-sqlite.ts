/** The schema as it was first released. Never edited again: see `migrations.ts`. */
export const gatewayKeysSqlite: readonly string[] = [
  `CREATE TABLE "gateway_keys" (
    "tenant" TEXT NOT NULL,
    "kid" TEXT NOT NULL,
    "node" TEXT NOT NULL,
    "jwk" TEXT NOT NULL,
    "expires_at_seconds" INTEGER NOT NULL,
    PRIMARY KEY ("tenant", "kid")
  ) STRICT`,
  `CREATE INDEX "gateway_keys_by_expires_at_seconds" ON "gateway_keys" (
    "expires_at_seconds"
  )`,
];
