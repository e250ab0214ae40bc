/** The schema as it was first released. Never edited again: see `migrations.ts`. */
export const noticesSqlite: readonly string[] = [
  `CREATE TABLE "notices" (
    "tenant" TEXT NOT NULL,
    "id" TEXT NOT NULL,
    "kind" TEXT NOT NULL,
    "owner" TEXT NOT NULL,
    "about_kind" TEXT NOT NULL,
    "about_id" TEXT NOT NULL,
    "facts" TEXT NOT NULL,
    "status" TEXT NOT NULL,
    "mail" TEXT NOT NULL,
    "webhook" TEXT NOT NULL,
    "repeats" INTEGER NOT NULL,
    "attempts" INTEGER NOT NULL,
    "next_attempt_at" INTEGER,
    "created_at" INTEGER NOT NULL,
    "expires_at_seconds" INTEGER NOT NULL,
    PRIMARY KEY ("tenant", "id")
  ) STRICT`,
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
    "next_attempt_at"
  )`,
  `CREATE INDEX "notices_by_expires_at_seconds" ON "notices" (
    "expires_at_seconds"
  )`,
  `CREATE INDEX "keys_by_expires_at" ON "keys" (
    "expires_at"
  )`,
];
