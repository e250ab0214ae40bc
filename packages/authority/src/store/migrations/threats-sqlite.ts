/** The schema as it was first released. Never edited again: see `migrations.ts`. */
export const threatsSqlite: readonly string[] = [
  `CREATE TABLE "threat_feeds" (
    "tenant" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "definition" TEXT NOT NULL,
    "sealed_secret" BLOB,
    "due_at" INTEGER NOT NULL,
    "counts_until_seconds" INTEGER NOT NULL,
    "progress" TEXT NOT NULL,
    "created_at" INTEGER NOT NULL,
    "updated_at" INTEGER NOT NULL,
    "version" INTEGER NOT NULL,
    "deleted_at" INTEGER,
    PRIMARY KEY ("tenant", "name")
  ) STRICT`,
  `CREATE INDEX "threat_feeds_by_due_at" ON "threat_feeds" (
    "due_at"
  )`,
  `CREATE TABLE "threat_blocks" (
    "tenant" TEXT NOT NULL,
    "feed" TEXT NOT NULL,
    "network" TEXT NOT NULL,
    "reason" TEXT NOT NULL,
    "until_seconds" INTEGER NOT NULL,
    "number" INTEGER NOT NULL,
    PRIMARY KEY ("tenant", "feed", "network")
  ) STRICT, WITHOUT ROWID`,
  `CREATE INDEX "threat_blocks_by_tenant_number_feed_network" ON "threat_blocks" (
    "tenant",
    "number",
    "feed",
    "network"
  )`,
  `CREATE INDEX "threat_blocks_by_tenant_network_feed" ON "threat_blocks" (
    "tenant",
    "network",
    "feed"
  )`,
  `CREATE INDEX "threat_blocks_by_until_seconds" ON "threat_blocks" (
    "until_seconds"
  )`,
  `CREATE TABLE "numberings" (
    "tenant" TEXT NOT NULL,
    "topic" TEXT NOT NULL,
    "newest" INTEGER NOT NULL,
    PRIMARY KEY ("tenant", "topic")
  ) STRICT, WITHOUT ROWID`,
];
