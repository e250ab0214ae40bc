/** The schema as it was first released. Never edited again: see `migrations.ts`. */
export const keySpendingSqlite: readonly string[] = [
  `CREATE TABLE "key_budgets" (
    "tenant" TEXT NOT NULL,
    "id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "left" INTEGER NOT NULL,
    "refill" TEXT,
    "refill_at" INTEGER,
    PRIMARY KEY ("tenant", "id", "name")
  ) STRICT`,
  `CREATE TABLE "key_bulks" (
    "tenant" TEXT NOT NULL,
    "id" TEXT NOT NULL,
    "actor" TEXT NOT NULL,
    "filter" TEXT NOT NULL,
    "act" TEXT NOT NULL,
    "keys" TEXT NOT NULL,
    "done" INTEGER NOT NULL,
    "changed" INTEGER NOT NULL,
    "created_at" INTEGER NOT NULL,
    "expires_at_seconds" INTEGER NOT NULL,
    PRIMARY KEY ("tenant", "id")
  ) STRICT`,
  `CREATE INDEX "key_bulks_by_expires_at_seconds" ON "key_bulks" (
    "expires_at_seconds"
  )`,
];
