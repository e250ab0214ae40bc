/** The schema as it was first released. Never edited again: see `migrations.ts`. */
export const upstreamCredentialsSqlite: readonly string[] = [
  `CREATE TABLE "upstream_credentials" (
    "tenant" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "form" TEXT NOT NULL,
    "sealed_secret" BLOB NOT NULL,
    "created_at" INTEGER NOT NULL,
    "updated_at" INTEGER NOT NULL,
    "version" INTEGER NOT NULL,
    PRIMARY KEY ("tenant", "name")
  ) STRICT`,
];
