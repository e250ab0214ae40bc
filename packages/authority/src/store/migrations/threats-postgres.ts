/** The schema as it was first released. Never edited again: see `migrations.ts`. */
export const threatsPostgres: readonly string[] = [
  `CREATE TABLE "threat_feeds" (
    "tenant" text COLLATE "C" NOT NULL,
    "name" text COLLATE "C" NOT NULL,
    "definition" text COLLATE "C" NOT NULL,
    "sealed_secret" bytea,
    "due_at" bigint NOT NULL,
    "counts_until_seconds" bigint NOT NULL,
    "progress" text COLLATE "C" NOT NULL,
    "created_at" bigint NOT NULL,
    "updated_at" bigint NOT NULL,
    "version" bigint NOT NULL,
    "deleted_at" bigint,
    PRIMARY KEY ("tenant", "name")
  )`,
  `CREATE INDEX "threat_feeds_by_due_at" ON "threat_feeds" (
    "due_at"
  )`,
  `CREATE TABLE "threat_blocks" (
    "tenant" text COLLATE "C" NOT NULL,
    "feed" text COLLATE "C" NOT NULL,
    "network" text COLLATE "C" NOT NULL,
    "reason" text COLLATE "C" NOT NULL,
    "until_seconds" bigint NOT NULL,
    "number" bigint NOT NULL,
    PRIMARY KEY ("tenant", "feed", "network")
  )`,
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
    "tenant" text COLLATE "C" NOT NULL,
    "topic" text COLLATE "C" NOT NULL,
    "newest" bigint NOT NULL,
    PRIMARY KEY ("tenant", "topic")
  )`,
];
