/** The schema as it was first released. Never edited again: see `migrations.ts`. */
export const keySpendingPostgres: readonly string[] = [
  `CREATE TABLE "key_budgets" (
    "tenant" text COLLATE "C" NOT NULL,
    "id" text COLLATE "C" NOT NULL,
    "name" text COLLATE "C" NOT NULL,
    "left" bigint NOT NULL,
    "refill" text COLLATE "C",
    "refill_at" bigint,
    PRIMARY KEY ("tenant", "id", "name")
  )`,
  `CREATE TABLE "key_bulks" (
    "tenant" text COLLATE "C" NOT NULL,
    "id" text COLLATE "C" NOT NULL,
    "actor" text COLLATE "C" NOT NULL,
    "filter" text COLLATE "C" NOT NULL,
    "act" text COLLATE "C" NOT NULL,
    "keys" text COLLATE "C" NOT NULL,
    "done" bigint NOT NULL,
    "changed" bigint NOT NULL,
    "created_at" bigint NOT NULL,
    "expires_at_seconds" bigint NOT NULL,
    PRIMARY KEY ("tenant", "id")
  )`,
  `CREATE INDEX "key_bulks_by_expires_at_seconds" ON "key_bulks" (
    "expires_at_seconds"
  )`,
];
