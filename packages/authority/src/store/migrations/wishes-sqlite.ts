/** The schema as it was first released. Never edited again: see `migrations.ts`. */
export const wishesSqlite: readonly string[] = [
  `CREATE TABLE "userinfo_wishes" (
    "tenant" TEXT NOT NULL,
    "family" TEXT NOT NULL,
    "names" TEXT NOT NULL,
    "expires_at_seconds" INTEGER NOT NULL,
    PRIMARY KEY ("tenant", "family")
  ) STRICT`,
  `CREATE INDEX "userinfo_wishes_by_expires_at_seconds" ON "userinfo_wishes" (
    "expires_at_seconds"
  )`,
];
