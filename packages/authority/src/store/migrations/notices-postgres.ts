/** The schema as it was first released. Never edited again: see `migrations.ts`. */
export const noticesPostgres: readonly string[] = [
  `CREATE TABLE "notices" (
    "tenant" text COLLATE "C" NOT NULL,
    "id" text COLLATE "C" NOT NULL,
    "kind" text COLLATE "C" NOT NULL,
    "owner" text COLLATE "C" NOT NULL,
    "about_kind" text COLLATE "C" NOT NULL,
    "about_id" text COLLATE "C" NOT NULL,
    "facts" text COLLATE "C" NOT NULL,
    "status" text COLLATE "C" NOT NULL,
    "mail" text COLLATE "C" NOT NULL,
    "webhook" text COLLATE "C" NOT NULL,
    "repeats" bigint NOT NULL,
    "attempts" bigint NOT NULL,
    "next_attempt_at" bigint,
    "created_at" bigint NOT NULL,
    "expires_at_seconds" bigint NOT NULL,
    PRIMARY KEY ("tenant", "id")
  )`,
  `CREATE INDEX "notices_by_tenant_created_at_id" ON "notices" (
    "tenant",
    "created_at",
    "id"
  )`,
  `CREATE INDEX "notices_by_tenant_status_created_at_id" ON "notices" (
    "tenant",
    "status",
    "created_at",
    "id"
  )`,
  `CREATE INDEX "notices_by_next_attempt_at" ON "notices" (
    "next_attempt_at" NULLS FIRST
  )`,
  `CREATE INDEX "notices_by_expires_at_seconds" ON "notices" (
    "expires_at_seconds"
  )`,
  `CREATE INDEX "keys_by_expires_at" ON "keys" (
    "expires_at" NULLS FIRST
  )`,
];
