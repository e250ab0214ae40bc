/** The schema as it was first released. Never edited again: see `migrations.ts`. */
export const browsersSqlite: readonly string[] = [
  `CREATE TABLE "known_browsers" (
    "tenant" TEXT NOT NULL,
    "user_id" TEXT NOT NULL,
    "hash" TEXT NOT NULL,
    "expires_at_seconds" INTEGER NOT NULL,
    PRIMARY KEY ("tenant", "user_id", "hash")
  ) STRICT, WITHOUT ROWID`,
  `CREATE INDEX "known_browsers_by_expires_at_seconds" ON "known_browsers" (
    "expires_at_seconds"
  )`,
];
