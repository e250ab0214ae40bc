/** The schema as it was first released. Never edited again: see `migrations.ts`. */
export const limitLearningSqlite: readonly string[] = [
  `CREATE TABLE "limit_baselines" (
    "tenant" TEXT NOT NULL,
    "route" TEXT NOT NULL,
    "limit_name" TEXT NOT NULL,
    "caller" TEXT NOT NULL,
    "baseline" BLOB NOT NULL,
    "profile" BLOB,
    "number" INTEGER NOT NULL,
    "judged_week" INTEGER NOT NULL,
    "held_until" INTEGER NOT NULL,
    "denied" INTEGER NOT NULL,
    "would_deny" INTEGER NOT NULL,
    "seen_at_seconds" INTEGER NOT NULL,
    "version" INTEGER NOT NULL,
    PRIMARY KEY ("tenant", "route", "limit_name", "caller")
  ) STRICT`,
  `CREATE INDEX "limit_baselines_by_tenant_number_route_limit_name_caller" ON "limit_baselines" (
    "tenant",
    "number",
    "route",
    "limit_name",
    "caller"
  )`,
  `CREATE INDEX "limit_baselines_by_seen_at_seconds" ON "limit_baselines" (
    "seen_at_seconds"
  )`,
  `CREATE TABLE "limit_changes" (
    "tenant" TEXT NOT NULL,
    "id" TEXT NOT NULL,
    "at" INTEGER NOT NULL,
    "route" TEXT NOT NULL,
    "limit_name" TEXT NOT NULL,
    "caller" TEXT NOT NULL,
    "change" TEXT NOT NULL,
    "former_profile" BLOB,
    "status" TEXT NOT NULL,
    "undone_at" INTEGER,
    "undone_by" TEXT,
    "undone_until" INTEGER,
    "undone_reason" TEXT,
    "expires_at_seconds" INTEGER NOT NULL,
    PRIMARY KEY ("tenant", "id")
  ) STRICT`,
  `CREATE INDEX "limit_changes_by_tenant_at_id" ON "limit_changes" (
    "tenant",
    "at",
    "id"
  )`,
  `CREATE INDEX "limit_changes_by_tenant_route_limit_name_caller_status" ON "limit_changes" (
    "tenant",
    "route",
    "limit_name",
    "caller",
    "status"
  )`,
  `CREATE INDEX "limit_changes_by_expires_at_seconds" ON "limit_changes" (
    "expires_at_seconds"
  )`,
];
