/** The schema as it was first released. Never edited again: see `migrations.ts`. */
export const statusSqlite: readonly string[] = [
  `CREATE TABLE "protected_resources" (
    "tenant" TEXT NOT NULL,
    "resource" TEXT NOT NULL,
    "client_id" TEXT NOT NULL,
    PRIMARY KEY ("tenant", "resource", "client_id")
  ) STRICT, WITHOUT ROWID`,
  `CREATE TABLE "status_entries" (
    "tenant" TEXT NOT NULL,
    "list" TEXT NOT NULL,
    "idx" INTEGER NOT NULL,
    "token_id" TEXT NOT NULL,
    "client_id" TEXT NOT NULL,
    "subject" TEXT NOT NULL,
    "family" TEXT,
    "signing_key" TEXT NOT NULL,
    "position" INTEGER NOT NULL,
    "issued_at_seconds" INTEGER NOT NULL,
    "expires_at_seconds" INTEGER NOT NULL,
    PRIMARY KEY ("tenant", "list", "idx")
  ) STRICT, WITHOUT ROWID`,
  `CREATE INDEX "status_entries_by_expires_at_seconds" ON "status_entries" (
    "expires_at_seconds"
  )`,
];
