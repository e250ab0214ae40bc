/** The schema as it was first released. Never edited again: see `migrations.ts`. */
export const issuersSqlite: readonly string[] = [
  `CREATE TABLE "assertion_issuers" (
    "tenant" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "issuer" TEXT NOT NULL,
    "definition" TEXT NOT NULL,
    "updated_at" INTEGER NOT NULL,
    "version" INTEGER NOT NULL,
    PRIMARY KEY ("tenant", "name"),
    UNIQUE ("tenant", "issuer")
  ) STRICT`,
];
